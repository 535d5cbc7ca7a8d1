"""What leaves a home: embeddings and exported answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caselight.data.embedding_files import check_target, write_embeddings
from caselight.data.loose_files import loose_things
from caselight.export import ExportReceipt, export
from caselight.home.opened import OpenedHome, PathLike
from caselight.types import Kind, SearchResult
from caselight.wire import result_json

if TYPE_CHECKING:
    from caselight.embed import EmbedReceipt


class Out(OpenedHome):
    """The part of a home that writes files elsewhere."""

    def embed(
        self,
        out: PathLike | None = None,
        *,
        model: PathLike | None = None,
        split: str | None = None,
        filters: Mapping[str, str] | None = None,
        kinds: Sequence[Kind] = ("image", "report"),
        n_bits: int | None = None,
    ) -> "EmbedReceipt":
        """Embed the home's pictures and texts; see `caselight.embed.embed_home`.

        Args:
            out: a new file ending in .npz or .parquet, or a new folder; nothing is written if not
                given.
            model: its folder; the index's if not given, else `trained` inside the home.
            split: "train", "val" or "test"; None is every study.
            filters: metadata a study or an image must have.
            kinds: what is embedded.
            n_bits: which hash head; as for an index if not given.
        """
        from caselight.embed import embed_home
        from caselight.indexing import choose_bits

        if out is not None:
            check_target(Path(out))
        loaded = self._load(model)
        with self._at_work("embed"):
            receipt = embed_home(
                self._open_engine(loaded.config),
                loaded,
                n_bits=choose_bits(self.config, loaded) if n_bits is None else n_bits,
                split=split,
                filters=filters,
                kinds=kinds,
            )
            if out is not None:
                write_embeddings(receipt.embedded, Path(out))
        self._recorder().say(
            "embeddings.made",
            {"model": receipt.embedded.model, "rows": len(receipt.embedded.rows)},
        )
        return receipt

    def embed_files(
        self,
        *,
        images: Sequence[PathLike] = (),
        texts: Sequence[str | tuple[str, str]] = (),
        out: PathLike | None = None,
        model: PathLike | None = None,
        n_bits: int | None = None,
    ) -> "EmbedReceipt":
        """Embed pictures and texts that are in no home, with the home's model; nothing is stored.

        Takes what the function `embed_files` takes.
        """
        from caselight.embed import embed_loose
        from caselight.indexing import choose_bits

        if out is not None:
            check_target(Path(out))
        pictures, lines = loose_things(images, texts)
        loaded = self._load(model)
        receipt = embed_loose(
            self._open_engine(loaded.config),
            loaded,
            images=pictures,
            texts=lines,
            n_bits=choose_bits(self.config, loaded) if n_bits is None else n_bits,
            settings=self.config.ingest,
        )
        if out is not None:
            write_embeddings(receipt.embedded, Path(out))
        return receipt

    def export(
        self, result: SearchResult | Mapping[str, Any], out: PathLike, *, full: bool = False
    ) -> ExportReceipt:
        """Write an answer as a folder with a contact sheet; see `caselight.export.export`.

        Args:
            result: an answer of this home, or what `search --json` printed.
            out: a new or an empty folder.
            full: also write the pictures themselves, with their exact pixels.
        """
        said = result_json(result) if isinstance(result, SearchResult) else result
        with self._recorder().refusals("export"):
            receipt = export(self._open_store(), said, Path(out), full=full)
        self._recorder().say(
            "answer.exported",
            {"hits": receipt.n_hits, "pictures": receipt.n_pictures, "full": full},
        )
        return receipt
