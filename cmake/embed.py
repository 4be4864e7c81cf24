"""embed.py OUT.cpp FOLDER: the folder's files as a table of C++ string literals (src/api/assets.cpp)."""
import os
import sys

out, folder = sys.argv[1], sys.argv[2]
entries = []
for root, _, names in sorted(os.walk(folder)):
    for name in sorted(names):
        path = os.path.join(root, name)
        with open(path, "rb") as file:
            entries.append(("/" + os.path.relpath(path, folder), file.read()))


def literal(data):
    lines, line = [], ""
    for byte in data:
        # Octal escapes of three digits end where they end, whatever follows.
        line += chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else "\\%03o" % byte
        if len(line) > 4000:
            lines.append(line)
            line = ""
    lines.append(line)
    return "\n".join('"' + part + '"' for part in lines)


os.makedirs(os.path.dirname(out), exist_ok=True)
with open(out, "w") as file:
    file.write('// Made by cmake/embed.py.\n#include "api/assets.h"\n\nnamespace hone::api {\n\n')
    for i, (_, data) in enumerate(entries):
        file.write(f"static constexpr char kFile{i}[] =\n{literal(data)};\n\n")
    file.write("const std::vector<Asset>& embedded_assets() {\n  static const std::vector<Asset> all = {\n")
    for i, (path, data) in enumerate(entries):
        file.write(f'      {{"{path}", {{kFile{i}, {len(data)}}}}},\n')
    file.write("  };\n  return all;\n}\n\n}  // namespace hone::api\n")
