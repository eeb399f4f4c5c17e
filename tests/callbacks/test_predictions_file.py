"""predictions.csv: places, labels and what was predicted, as a spreadsheet reads them."""

from pathlib import Path

import torch

from mlp_lab.callbacks.predictions_file import write_predictions
from mlp_lab.data.source import Samples, SampleSubset


def subset(labels: torch.Tensor, files: list[str] | None = None) -> SampleSubset:
    samples = Samples(torch.zeros(3, 2), labels, files)
    return SampleSubset(samples, torch.tensor([2, 0]))


def test_classes_have_names_and_probabilities(tmp_path: Path) -> None:
    probabilities = torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    samples = subset(torch.tensor([0, 1, -1]))
    write_predictions(tmp_path / "p.csv", samples, probabilities, ["=cat", "dog"])
    assert (tmp_path / "p.csv").read_text() == (
        "index,label,predicted,confidence,'=cat,dog\n"
        "2,,dog,0.75,0.25,0.75\n"
        "0,'=cat,'=cat,0.5,0.5,0.5\n"
    )


def test_files_are_named_where_samples_have_their_own(tmp_path: Path) -> None:
    samples = subset(torch.tensor([[torch.nan], [0], [1]]), ["a.png", "b.png", "c, ö.png"])
    write_predictions(tmp_path / "p.csv", samples, torch.tensor([[1.5], [-2.0]]), [])
    assert (tmp_path / "p.csv").read_text(encoding="utf-8") == (
        'index,file,target,predicted\n2,"c, ö.png",1,1.5\n0,a.png,,-2\n'
    )
