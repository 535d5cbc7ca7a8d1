"""Views of stored pictures and renderings of texts, as cached features."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from caselight.config import Config
from caselight.data.renderings import renderings
from caselight.data.texts import pair_text
from caselight.engine import Engine, Progress, open_engine
from caselight.errors import StoreError
from caselight.models.views import augment, view_generator
from tests.homes import archive, ingest


class Stopped(Exception):
    """What ends a run in the middle."""


class Events:
    """A progress that remembers what was encoded, and can stop after some batches."""

    def __init__(self, *, stop_after: int | None = None) -> None:
        self.seen: list[tuple[str, int, int]] = []
        self.stop_after = stop_after

    def __call__(self, what: str, now: int, total: int) -> None:
        self.seen.append((what, now, total))
        if self.stop_after is not None and len(self.views()) == self.stop_after:
            raise Stopped

    def views(self) -> list[tuple[int, int]]:
        return [(now, total) for what, now, total in self.seen if what == "encoding views"]


@contextmanager
def engine(home: Path, *, progress: Progress, text: str = "toy") -> Iterator[Engine]:
    towers = {"image": "toy", "text": text, "batch_images": 6}
    config = Config.from_mapping({"towers": towers})
    with open_engine(home, config=config, device=torch.device("cpu"), progress=progress) as opened:
        yield opened


def filled(folder: Path) -> Path:
    """A home of nine studies, three of them with two images; nothing is trained."""
    home = folder / "home"
    ingest(archive(folder / "archive", n_studies=9), home)
    return home


def stored_groups(opened: Engine, n: int = 8) -> list[tuple[str, ...]]:
    digests = [i.digest for _, study in opened.store.studies() for i in study.images]
    return [(digest,) for digest in dict.fromkeys(digests)][:n]


def test_views_are_real_and_the_first_row_is_the_picture_itself(tmp_path: Path) -> None:
    with engine(filled(tmp_path), progress=Events()) as opened:
        groups = stored_groups(opened)
        views = opened.image_views(groups, n_views=3, strength=0.5)
        assert views.shape == (4, 8, opened.image_tower.dim)
        assert views.dtype == np.float32
        assert np.array_equal(views[0], opened.picture_features(groups))
        for n in range(4):
            for m in range(n):
                assert (np.abs(views[n] - views[m]).max(axis=1) > 1e-3).all()


def test_a_view_is_what_the_tower_makes_of_the_augmented_picture(tmp_path: Path) -> None:
    with engine(filled(tmp_path), progress=Events()) as opened:
        groups = stored_groups(opened)
        views = opened.image_views(groups, n_views=2, strength=0.7)
        for column, (digest,) in enumerate(groups):
            picture = opened.image_tower.preprocess(opened.read_stored(digest))
            for number in (1, 2):
                seen = augment(
                    torch.from_numpy(picture)[None],
                    strength=0.7,
                    generators=[view_generator(digest, number)],
                )
                slow = opened.image_tower.encode(seen).numpy()[0]
                assert np.allclose(views[number, column], slow, atol=1e-6)


def test_the_views_of_a_stack_are_pooled_like_its_pictures(tmp_path: Path) -> None:
    with engine(filled(tmp_path), progress=Events()) as opened:
        a, b, c = (digest for (digest,) in stored_groups(opened, 3))
        single = opened.image_views([(a,), (b,), (c,)], n_views=2, strength=0.5)
        pooled = opened.image_views([(a, b), (c,), (b,)], n_views=2, strength=0.5)
        for row in range(3):
            assert np.array_equal(pooled[row, 0], opened.pooled(single[row, :2]))
            assert np.array_equal(pooled[row, 1:], single[row, [2, 1]])


def test_a_picture_is_read_once_for_all_its_missing_views(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, read = Events(), list[str]()
    with engine(filled(tmp_path), progress=events) as opened:
        groups = stored_groups(opened)
        opened.picture_features(groups)
        plain = opened.read_stored

        def counted(digest: str) -> object:
            read.append(digest)
            return plain(digest)

        monkeypatch.setattr(opened, "read_stored", counted)
        first = opened.image_views(groups, n_views=2, strength=0.5)
        assert sorted(read) == sorted(digest for (digest,) in groups)
        assert [total for _, total in events.views()] == [16] * len(events.views())
        assert sum(now for now, _ in events.views()) == 16
        assert max(now for now, _ in events.views()) <= 6
        read.clear()
        again = opened.image_views(groups, n_views=2, strength=0.5)
        assert not read
        assert np.array_equal(first, again)
        more = opened.image_views(groups, n_views=4, strength=0.5)
        assert len(read) == 8
        assert np.array_equal(more[:3], first)


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    home = filled(tmp_path)
    with engine(home, progress=Events(stop_after=2)) as opened:
        groups = stored_groups(opened)
        with pytest.raises(Stopped):
            opened.image_views(groups, n_views=3, strength=0.5)
    events = Events()
    with engine(home, progress=events) as opened:
        views = opened.image_views(groups, n_views=3, strength=0.5)
    # Two pictures a batch, three views of each: the two batches before the stop are kept.
    assert [total for _, total in events.views()] == [12, 12]
    fresh = filled(tmp_path / "fresh")
    with engine(fresh, progress=Events()) as opened:
        assert np.array_equal(views, opened.image_views(groups, n_views=3, strength=0.5))


def test_views_of_another_strength_are_others(tmp_path: Path) -> None:
    with engine(filled(tmp_path), progress=Events()) as opened:
        groups = stored_groups(opened)
        mild, strong = (opened.image_views(groups, n_views=1, strength=s) for s in (0.2, 0.9))
        assert np.array_equal(mild[0], strong[0])
        assert not np.isclose(mild[1], strong[1]).all(axis=1).any()
        unchanged = opened.image_views(groups, n_views=1, strength=0.0)
        assert np.allclose(unchanged[1], unchanged[0], atol=1e-6)


def test_no_views_and_no_pictures(tmp_path: Path) -> None:
    with engine(filled(tmp_path), progress=Events()) as opened:
        groups, dim = stored_groups(opened, 2), opened.image_tower.dim
        assert opened.image_views(groups, n_views=0, strength=0.5).shape == (1, 2, dim)
        assert opened.image_views([], n_views=2, strength=0.5).shape == (3, 0, dim)


def test_a_lost_picture_is_said(tmp_path: Path) -> None:
    with engine(filled(tmp_path), progress=Events()) as opened:
        groups = stored_groups(opened, 2)
        opened.picture_features(groups)
        opened.store.pixels_path(groups[1][0]).unlink()
        with pytest.raises(StoreError, match="ingest the archive again") as refused:
            opened.image_views(groups, n_views=1, strength=0.5)
        assert refused.value.code == "store.damaged"


def test_a_text_with_fewer_renderings_repeats_its_own(tmp_path: Path) -> None:
    with engine(filled(tmp_path), progress=Events()) as opened:
        texts = [["no effusion", "without effusion", "lungs clear"], ["nodule"], ["a b", "b a"]]
        found = opened.text_views(texts)
        assert found.shape == (3, 3, opened.text_tower.dim)
        for row in range(3):
            own = [texts[0][row], "nodule", texts[2][row % 2]]
            assert np.array_equal(found[row], opened.text_features(own))
        assert not np.array_equal(found[0, 0], found[1, 0])
        assert opened.text_views([]).shape == (0, 0, opened.text_tower.dim)


def test_renderings_of_reports_are_not_the_same_to_the_text_tower(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with engine(filled(tmp_path), progress=Events(), text="minilm-l6") as opened:
        studies = [study for _, study in opened.store.studies()][:6]
        texts = [pair_text(study, None, "report") or "" for study in studies]
        told = [
            (text, *renderings(study, text, "report", n=2, rng=rng))
            for study, text in zip(studies, texts, strict=True)
        ]
        assert {len(several) for several in told} == {3}
        views = opened.text_views(told)
        assert views.shape == (3, 6, opened.text_tower.dim)
        assert np.array_equal(views[0], opened.text_features(texts))
        for n, m in ((0, 1), (0, 2), (1, 2)):
            assert (np.abs(views[n] - views[m]).max(axis=1) > 1e-3).all()
