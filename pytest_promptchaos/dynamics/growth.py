"""Growth of tangents over steps: the numbers that a push through depth leaves, arrays only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_promptchaos.dynamics.modes import Mode, Unit


@dataclass(frozen=True, kw_only=True, eq=False)
class Growth:
    """How k tangents grew over L steps; arrays only, nothing of torch.

    ``profile`` (k, L) is the log growth of each tangent in each step, in nats, taken before any
    renormalization: ``log(|v_after| / |v_before|)`` of the joint norms in independent mode, the
    step's ``log|diag R|`` in orthogonal mode. For ``unit="row"`` it is the mean over the R rows
    that carry a tangent, and ``row_profile`` (k, L, R) holds every row's own.
    ``state_norms`` (L + 1,) are the sizes, where the tangents live, of the states before,
    between and after the steps: joint norms, or the geometric mean of the row norms.
    ``primal`` is the state after the last step.
    ``parity`` is the worst relative difference, over checked steps and rows, between a state
    carried along by forward-mode AD and the same state without it. ``notes`` say in words what
    was switched.
    """

    profile: NDArray[np.float64]
    state_norms: NDArray[np.float64]
    mode: Mode
    cadence: int | None
    primal: NDArray[np.float64]
    parity: float
    notes: tuple[str, ...] = ()
    unit: Unit = "state"
    row_profile: NDArray[np.float64] | None = None

    @property
    def rates(self) -> NDArray[np.float64]:
        """Mean log growth per step of each tangent, shape (k,), in nats per step.

        In orthogonal mode this is the k-exponent spectrum, ``sum(log|diag R|) / L``.
        """
        rates: NDArray[np.float64] = self.profile.mean(axis=1)
        return rates

    @property
    def relative_profile(self) -> NDArray[np.float64]:
        """Growth beyond that of the state itself, shape (k, L), in nats.

        A residual stream grows from layer to layer; a tangent that only grows along with it is
        no closer to changing an output. Raises ``DepthError`` for a state that is zero.
        """
        if not self.state_norms.all():
            raise DepthError(
                f"the state before step {np.argmin(self.state_norms)} is zero: no growth is "
                "relative to it; read the profile itself"
            )
        relative: NDArray[np.float64] = self.profile - np.diff(np.log(self.state_norms))
        return relative
