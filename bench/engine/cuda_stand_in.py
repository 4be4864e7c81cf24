"""torch's wheel is linked against CUDA's libraries, five gigabytes of which nothing is called on a machine without a
GPU. `stand_in(site_packages)` writes small libraries in their place: they have the functions that torch's own name, and
each of those ends the process, so that torch loads and whoever did call one would notice."""
import collections
import re
import subprocess
import tempfile

from installing import NotInstallable, run

# Not linked at start: torch opens them when something wants a GPU.
OPENED_LATER = {"libcaffe2_nvrtc.so", "libtorch_cuda_linalg.so"}
CUDAS = ("libcu", "libnccl", "libnv")
FUNCTIONS = ("cu", "nccl", "nv")  # what their functions begin with, and the C library's do not


def undefined(library):
    """(name, version or "") of each function that the library has from elsewhere."""
    lines = run("nm", "-D", "--undefined-only", library).splitlines()
    found = (line.split()[-1].partition("@") for line in lines if line.strip())
    return {(name, version.lstrip("@")) for name, _, version in found if name.startswith(FUNCTIONS)}


def defined(library):
    lines = run("nm", "-D", "--defined-only", library).splitlines()
    return {line.split()[-1].partition("@")[0] for line in lines if line.strip()}


def needed(library):
    return {name for name in re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-dW", library)) if name.startswith(CUDAS)}


def versions(library):
    """Which library each version of a function is asked of."""
    file, found = "", {}
    for line in run("readelf", "-VW", library).splitlines():
        if match := re.search(r"Version: \d+\s+File: (\S+)", line):
            file = match[1]
        elif match := re.search(r"0x\w+:\s+Name: (\S+)", line):
            found[match[1]] = file
    return found


def write(path, functions):
    """A library of functions [(name, version or "")], none of which returns."""
    named = collections.defaultdict(list)
    for name, version in sorted(functions):
        named[version].append(name)
    assembly = [".text"] + [f".globl {name}\n.type {name}, @function\n{name}:" for name, _ in functions] + ["ud2\n"]
    script = "".join(f"{version} {{ global: {'; '.join(names)}; }};\n" for version, names in named.items() if version)
    with tempfile.NamedTemporaryFile("w", suffix=".map") as file:
        file.write(script)
        file.flush()
        options = [f"-Wl,--version-script={file.name}"] if script else []
        done = subprocess.run(["gcc", "-shared", "-nostdlib", f"-Wl,-soname,{path.name}", *options, "-x", "assembler", "-",
                               "-o", str(path)], input="\n".join(assembly), text=True, capture_output=True)
    if done.returncode != 0:
        raise NotInstallable(f"gcc: {done.stderr.strip()[:200]}")


def stand_in(site_packages):
    lib = site_packages / "torch/lib"
    torchs = [path for path in lib.glob("lib*.so*") if path.name not in OPENED_LATER and not path.name.startswith(CUDAS)]
    real = torchs + list(site_packages.glob("nvidia/cu13/lib/lib*.so*"))
    missing = set().union(*map(needed, torchs)) - {path.name for path in real}
    known = set().union(*map(defined, real))
    wanted = {one for path in torchs for one in undefined(path) if one[0] not in known}
    of = {version: file for path in torchs for version, file in versions(path).items()}
    for name in sorted(missing):
        # Functions without a version may be anybody's.
        write(lib / name, {one for one in wanted if not one[1] or of.get(one[1]) == name})
