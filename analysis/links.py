"""Distributions that turn a linear predictor into a probability."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy

from analysis.totals import Floats

ROOT_TAU = np.sqrt(2 * np.pi)


class Link(NamedTuple):
    """A distribution: function, upper tail, density, its derivative, and quantile."""

    below: Callable[[Floats], Floats]
    above: Callable[[Floats], Floats]
    density: Callable[[Floats], Floats]
    bend: Callable[[Floats], Floats]
    quantile: Callable[[Floats], Floats]


LINKS = {
    "logit": Link(
        below=lambda z: scipy.special.expit(z),
        above=lambda z: scipy.special.expit(-z),
        density=lambda z: scipy.special.expit(z) * scipy.special.expit(-z),
        bend=lambda z: (
            -np.tanh(z / 2) * scipy.special.expit(z) * scipy.special.expit(-z)
        ),
        quantile=lambda share: scipy.special.logit(share),
    ),
    "probit": Link(
        below=lambda z: scipy.special.ndtr(z),
        above=lambda z: scipy.special.ndtr(-z),
        density=lambda z: np.exp(-(z**2) / 2) / ROOT_TAU,
        bend=lambda z: -z * np.exp(-(z**2) / 2) / ROOT_TAU,
        quantile=lambda share: scipy.special.ndtri(share),
    ),
    "cloglog": Link(
        below=lambda z: -np.expm1(-np.exp(z)),
        above=lambda z: np.exp(-np.exp(z)),
        density=lambda z: np.exp(z - np.exp(z)),
        bend=lambda z: np.exp(z - np.exp(z)) * -np.expm1(z),
        quantile=lambda share: np.log(-np.log1p(-share)),
    ),
}
