"""The two classic baselines learn what their papers say."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from caselight.codes import hamming, sign_bits, unpack_signs
from caselight.errors import CodeError
from caselight.models.cca import fit_cca
from caselight.models.itq import fit_itq
from caselight.models.linear_hash import LinearHash

F32 = NDArray[np.float32]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def lopsided(seed: int = 0, *, n: int = 600, width: int = 24) -> F32:
    """Features far from zero, with very unequal variances in hidden directions."""
    draws = rng(seed)
    turn = np.linalg.qr(draws.standard_normal((width, width)))[0]
    values = draws.standard_normal((n, width)) * 0.8 ** np.arange(width)
    features: F32 = (values @ turn + 5).astype(np.float32)
    return features


def views(seed: int, *, n: int, n_shared: int = 24, noise: float = 0.3) -> tuple[F32, F32]:
    """Two views of shared causes, each drowned in a loud nuisance of its own."""
    draws = rng(seed)
    mix = rng(99)
    shared = draws.standard_normal((n, n_shared))
    pair = []
    for width, offset in ((48, 3.0), (40, -2.0)):
        nuisance = 4 * draws.standard_normal((n, width - n_shared))
        causes = np.hstack([shared + noise * draws.standard_normal(shared.shape), nuisance])
        pair.append((causes @ mix.standard_normal((width, width)) + offset).astype(np.float32))
    return pair[0], pair[1]


def lost(fitted: LinearHash, x: F32) -> float:
    """Mean squared distance from projections to their signs: what ITQ lowers."""
    values = fitted.project(x)
    return float(np.mean((sign_bits(values) - values) ** 2))


def principal_signs(x: F32, n_bits: int) -> LinearHash:
    mean = x.mean(axis=0)
    return LinearHash(mean=mean, projection=np.linalg.svd(x - mean)[2][:n_bits].T)


def test_itq_loses_less_than_the_signs_of_pca() -> None:
    x = lopsided()
    errors = [lost(fit_itq(x, 16, n_iterations=n, rng=rng()), x) for n in (0, 1, 3, 10, 50)]
    assert all(later <= earlier + 1e-6 for earlier, later in pairwise(errors))
    assert errors[-1] < 0.95 * errors[0]
    assert errors[-1] < 0.95 * lost(principal_signs(x, 16), x)


def test_itq_rotates_the_principal_subspace_and_nothing_else() -> None:
    x = lopsided()
    ours, pca = fit_itq(x, 8, n_iterations=20, rng=rng()), principal_signs(x, 8)
    np.testing.assert_allclose(ours.projection.T @ ours.projection, np.eye(8), atol=1e-5)
    np.testing.assert_allclose(
        ours.projection @ ours.projection.T, pca.projection @ pca.projection.T, atol=1e-4
    )
    np.testing.assert_allclose(ours.mean, pca.mean, rtol=1e-5)


def test_codes_repeat_with_the_generator_and_depend_on_it() -> None:
    x = lopsided()
    first = fit_itq(x, 16, n_iterations=5, rng=rng(1)).encode(x)
    again = fit_itq(x, 16, n_iterations=5, rng=rng(1)).encode(x)
    other = fit_itq(x, 16, n_iterations=5, rng=rng(2)).encode(x)
    assert np.array_equal(first.packed, again.packed)
    assert not np.array_equal(first.packed, other.packed)
    paired = views(0, n=300)
    for one, two in zip(
        fit_cca(*paired, 16, ridge=0.01), fit_cca(*paired, 16, ridge=0.01), strict=True
    ):
        assert np.array_equal(one.projection, two.projection)


def test_encode_packs_the_signs_of_the_projection() -> None:
    x = lopsided(n=10)
    fitted = fit_itq(x, 16, n_iterations=5, rng=rng())
    codes = fitted.encode(x)
    assert (len(codes), codes.n_bits) == (10, fitted.n_bits)
    assert np.array_equal(unpack_signs(codes), sign_bits((x - fitted.mean) @ fitted.projection))


def test_cca_finds_the_shared_directions_beneath_the_noise() -> None:
    of_x, of_y = fit_cca(*views(1, n=3000), 40, ridge=1e-6)
    x, y = views(2, n=3000)
    left, right = of_x.project(x), of_y.project(y)
    found = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(left.T, right.T, strict=True)])
    # Signal 1, noise 0.3 ** 2 in either view: a planted direction correlates at 1 / 1.09.
    np.testing.assert_allclose(found[:24], 1 / 1.09, atol=0.04)
    assert np.abs(found[24:]).max() < 0.1
    np.testing.assert_allclose(np.cov(left.T), np.eye(40), atol=0.15)


def test_cca_codes_retrieve_pairs_far_above_chance() -> None:
    of_x, of_y = fit_cca(*views(1, n=3000), 24, ridge=1e-4)
    x, y = views(2, n=200)
    distance = hamming(of_x.encode(x), of_y.encode(y))
    first = (distance <= np.diag(distance)[:, None]).sum(axis=1)
    assert np.mean(first <= 5) > 0.9
    unpaired = hamming(of_x.encode(x), of_y.encode(y[::-1]))
    assert np.diag(distance).mean() < 0.5 * np.diag(unpaired).mean()


def test_ridge_means_the_same_at_every_scale_and_changes_the_fit() -> None:
    x, y = views(3, n=80)
    small = np.float32(2**-10)
    plain = fit_cca(x, y, 16, ridge=0.1)[1].encode(y)
    scaled = fit_cca(x * (1 / small), y * small, 16, ridge=0.1)[1].encode(y * small)
    assert np.array_equal(plain.packed, scaled.packed)
    assert not np.array_equal(plain.packed, fit_cca(x, y, 16, ridge=10.0)[1].encode(y).packed)


def test_cca_works_with_fewer_pairs_than_features() -> None:
    x, y = views(4, n=20)
    for fitted, view in zip(fit_cca(x, y, 16, ridge=0.1), (x, y), strict=True):
        assert np.isfinite(fitted.project(view)).all()


def test_what_cannot_be_fitted_is_refused() -> None:
    x, y = views(5, n=50)
    with pytest.raises(ValueError, match=r"48 features .* 56 bits"):
        fit_itq(x, 56, n_iterations=1, rng=rng())
    with pytest.raises(ValueError, match="N > 0"):
        fit_itq(x[:0], 8, n_iterations=1, rng=rng())
    with pytest.raises(ValueError, match="-1 iterations"):
        fit_itq(x, 8, n_iterations=-1, rng=rng())
    with pytest.raises(ValueError, match=r"48 and 40 features .* 48 bits"):
        fit_cca(x, y, 48, ridge=0.1)
    with pytest.raises(ValueError, match="every pair"):
        fit_cca(x, y[:-1], 8, ridge=0.1)
    with pytest.raises(ValueError, match="ridge is 0"):
        fit_cca(x, y, 8, ridge=0)
    nearly_still = np.zeros_like(x)
    nearly_still[0, 0] = 0.01
    with pytest.raises(ValueError, match="larger ridge"):
        fit_cca(nearly_still, y, 8, ridge=5e-324)
    with pytest.raises(ValueError, match="same in every row"):
        fit_cca(np.zeros_like(x), y, 8, ridge=0.1)


def test_encode_refuses_other_features_and_ragged_codes() -> None:
    x = lopsided()
    with pytest.raises(ValueError, match="takes \\[N, 24\\]"):
        fit_itq(x, 8, n_iterations=1, rng=rng()).encode(x[:, :20])
    with pytest.raises(CodeError):
        fit_itq(x, 12, n_iterations=1, rng=rng()).encode(x)
