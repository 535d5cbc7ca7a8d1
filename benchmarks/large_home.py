"""A made-up home of many studies, through the real store, log and index writer; nothing encoded.

The model is a real one, trained for a moment on a few made-up films, so that words and pictures can
be asked; codes and embeddings of the many are drawn.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caselight import Config, Home, write_demo_archive
from caselight.data.store import Held, NewStudy, create_store, open_store
from caselight.index.canaries import settle
from caselight.index.manifest import IMAGE, REPORT, current_folder
from caselight.index.writer import IndexWriter
from caselight.models.canaries import model_canaries
from caselight.models.checkpoint import load_checkpoint
from caselight.recording import Recorder
from caselight.types import Image, Study

N_WORDS = 5_000
WORDS_A_REPORT = 60
_AT_ONCE = 10_000

SETTINGS = Config.from_mapping(
    {
        "towers": {"image": "toy", "text": "toy"},
        "model": {"bits": [128]},
        "train": {"epochs": 2, "settle_epochs": 1, "hash_epochs": 2},
    }
)


def make_home(folder: Path, n_studies: int, *, rng: np.random.Generator) -> Path:
    """A trained and indexed home of so many studies, two a patient; every second has two pictures.

    Args:
        folder: a new folder.
        n_studies: beside the few that the model was trained on.
        rng: draws words, prints, codes and embeddings.

    Returns:
        The home.
    """
    archive, home = folder / "archive", folder / "home"
    write_demo_archive(archive, n_studies=80, seed=0, images="png")
    with Home(home, config=SETTINGS) as place:
        place.ingest(archive)
        place.train()
        place.build_index()
    with open_store(home) as store:
        first = max(row for row, _ in store.studies()) + 1
    for begin in range(0, n_studies, _AT_ONCE):
        _put(home, range(begin, min(begin + _AT_ONCE, n_studies)), rng)
    _index(home, first, n_studies, rng)
    return home


def _put(home: Path, numbers: range, rng: np.random.Generator) -> None:
    words = np.array([f"word{n}" for n in range(N_WORDS)])
    often = 1 / np.arange(1, N_WORDS + 1)
    said = rng.choice(words, (len(numbers), WORDS_A_REPORT), p=often / often.sum())
    with create_store(home) as store:
        recorder = Recorder(store, actor="benchmark")
        batch = [
            NewStudy(
                study=Study(
                    study_uid=f"made-{n}",
                    patient_key=store.pseudonym(f"patient-{n // 2}"),
                    images=tuple(_image(n, place, rng) for place in range(1 + n % 2)),
                    sections={"findings": " ".join(words[:45]), "impression": " ".join(words[45:])},
                    labels=("normal",) if n % 3 else ("effusion", "nodule"),
                    date=f"{2005 + n % 20}-{1 + n % 12:02d}-03",
                    age=20 + n % 70,
                    sex="FM"[n // 2 % 2],
                    site=f"site {n % 7}",
                    split="test",
                    own_split=False,
                ),
                held=Held(source_digest=f"{n:064x}", archive="made", rejected=()),
                content_digest=f"{n:064x}",
            )
            for n, words in zip(numbers, said.tolist(), strict=True)
        ]
        store.put(batch, record=lambda salts: recorder.ingesting(batch, salts))


def _image(study: int, place: int, rng: np.random.Generator) -> Image:
    return Image(
        image_uid=f"made/{study}-{place}.png",
        digest=rng.bytes(32).hex(),
        dhash=rng.bytes(32).hex(),
        caption=None,
        view=("PA", "LATERAL")[place],
        modality="DX",
    )


def _index(home: Path, first: int, n_studies: int, rng: np.random.Generator) -> None:
    with open_store(home) as store:
        generation, seal = store.generation, Recorder(store, actor="benchmark").signer
    model = load_checkpoint(home / "trained")
    with IndexWriter(current_folder(home), seal=seal) as writer:
        for begin in range(0, n_studies, _AT_ONCE):
            kind, study, position = _rows(range(begin, min(begin + _AT_ONCE, n_studies)), first)
            n = len(kind)
            vectors = rng.standard_normal((n, model.config.model.embed_dim)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            writer.change(
                kind=kind,
                study=study,
                position=position,
                packed=rng.integers(0, 256, (n, 16), dtype=np.uint8),
                embeddings=vectors,
            )
        settle(writer, store=generation, model_canaries=model_canaries(model, 128))
        writer.compact()


def _rows(
    numbers: range, first: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Kind, study and position of the items of some studies: pictures, then the report."""
    found = [
        (kind, first + n, place)
        for n in numbers
        for kind, place in (*((IMAGE, place) for place in range(1 + n % 2)), (REPORT, 0))
    ]
    kind, study, position = np.array(found).T
    return kind.astype(np.uint8), study, position
