"""matplotlib's backend in the runner: `show` writes each open figure to a file, which comes back with the result."""

from pathlib import Path

from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase, _Backend
from matplotlib.backends.backend_agg import FigureCanvasAgg


@_Backend.export
class _Figures(_Backend):
    FigureCanvas = FigureCanvasAgg
    FigureManager = FigureManagerBase

    @staticmethod
    def show(*args, **kwargs):
        """Write figure-1.png and so on, and close the figures, as closing their windows would."""
        del args, kwargs
        number = 1
        for manager in Gcf.get_all_fig_managers():
            while Path(f"figure-{number}.png").exists():
                number += 1
            manager.canvas.figure.savefig(f"figure-{number}.png")
        Gcf.destroy_all()
