import io
from pathlib import Path

from PIL import Image

from mlp_lab.plots import plot_history, to_png, write_figure


def test_equal_figures_are_equal_files(tmp_path: Path) -> None:
    one, other = (to_png(plot_history({"a": ([1], [2])}, "epoch", "Loss")) for _ in range(2))
    assert one == other
    path = tmp_path / "plots" / "loss.png"
    write_figure(plot_history({"a": ([1], [2])}, "epoch", "Loss"), path)
    assert path.read_bytes() == one


def test_a_png_has_130_dots_per_inch_and_no_version_of_matplotlib() -> None:
    with Image.open(io.BytesIO(to_png(plot_history({"a": ([1], [2])}, "epoch", "")))) as image:
        assert image.size == (6 * 130, 4 * 130)
        assert image.info.keys() == {"dpi"}
        assert image.getpixel((0, 0))[:3] == (255, 255, 255)  # type: ignore[index]  # of a tuple
