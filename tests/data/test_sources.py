"""The table of public data sets."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from monai.apps import DecathlonDataset

from monaiseg.data._checksums import read_checksum
from monaiseg.data.sources import SOURCES, DataSource, find_source
from monaiseg.errors import ConfigError

DECATHLON = [source for source in SOURCES.values() if source.name.startswith("msd-")]


def test_the_sets_that_are_known() -> None:
    pictures = ["dsb2018", "dsb2018-fixed", "kvasir-seg", "cvc-clinicdb"]
    organs = "brain-tumour heart liver hippocampus prostate lung pancreas hepatic-vessel spleen colon".split()
    assert list(SOURCES) == [*pictures, *(f"msd-{organ}" for organ in organs)]


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_a_source_is_whole(source: DataSource) -> None:
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", source.name)
    assert urlsplit(source.address).scheme == "https" and urlsplit(source.page).netloc
    for line in (source.summary, source.terms, source.citation):
        assert line and "\n" not in line
    assert "doi:10." in source.citation
    assert source.checksum is None or str(read_checksum(source.checksum)) == source.checksum
    assert source.data_root and not source.data_root.startswith("/") and ".." not in source.data_root
    assert source.by_hand or urlsplit(source.address).path.endswith((".zip", ".tar"))
    assert source.archive == source.name + (".zip" if source.address.endswith(".zip") else ".tar")


def test_the_decathlon_is_where_and_what_monai_says() -> None:
    tasks = {source.data_root: source for source in DECATHLON}
    assert {task: source.address for task, source in tasks.items()} == DecathlonDataset.resource
    assert {task: str(source.checksum) for task, source in tasks.items()} == {
        task: f"md5:{md5}" for task, md5 in DecathlonDataset.md5.items()
    }


def test_an_unknown_set_gets_a_hint() -> None:
    assert find_source("msd-colon") is SOURCES["msd-colon"]
    with pytest.raises(ConfigError, match="no data set 'kvasir' is known; did you mean 'kvasir-seg'"):
        find_source("kvasir")
