#!/bin/sh
# NumPy's float32 normal numbers depend on the C library: the same wheel and seed give other bits on Debian 12 and 13.
#
# NumPy promises no stream over its own versions. You would guess that with one wheel, one processor and one seed, a generator
# gives the same numbers on every Linux, since it computes in its own code. So it does, but for the tail of the normal
# distribution: there the ziggurat method calls log1pf of the system's C library, and glibc 2.41 has a new, correctly rounded
# one. About one in a million float32 numbers, all beyond 3.65, differs in its last bit. The float64 numbers are the same,
# since log1p has not changed. An agent that explores with float32 noise trains as before for a hundred thousand steps; then
# one action differs, and so does all that follows. What differs is the distribution's release, which no list of Python
# packages shows: the results of two nodes of a cluster, or of a container and its host, need not be equal.
#
# Versions: numpy 2.4.6, glibc 2.36 (Debian 12, where this script is to be run) and 2.41 (Debian 13, which it downloads).
# Source: numpy/random/src/distributions/distributions.c, random_standard_normal_f; glibc's NEWS for 2.41.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 2> "$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

cat > download.py << 'END'
import io
import lzma
import tarfile
import urllib.request

package = urllib.request.urlopen('http://deb.debian.org/debian/pool/main/g/glibc/libc6_2.41-12+deb13u5_amd64.deb').read()
start = package.index(b'data.tar.xz')  # a .deb is an ar archive: a header of 60 bytes before each member
size = int(package[start + 48 : start + 58])
data = lzma.decompress(package[start + 60 : start + 60 + size])
tarfile.open(fileobj=io.BytesIO(data)).extractall('debian13', filter='data')
END

cat > check.py << 'END'
import platform

import numpy as np

numbers = {kind: np.random.default_rng(0).standard_normal(20_000_000, dtype=kind) for kind in ('float32', 'float64')}
np.savez(f'glibc-{platform.libc_ver()[1]}.npz', **numbers)
END

cat > compare.py << 'END'
import numpy as np

old, new = np.load('glibc-2.36.npz'), np.load('glibc-2.41.npz')
for kind in old:
    a, b = old[kind], new[kind]
    (where,) = np.nonzero(a != b)
    print(f'{kind}: {len(where)} of {len(a):,} numbers differ', end='')
    print(f', all beyond {abs(a[where]).min():.2f}, the first is number {where[0]:,}' if len(where) else '')
END

cat > expected << 'END'
float32: 20 of 20,000,000 numbers differ, all beyond 3.87, the first is number 2,022,128
float64: 0 of 20,000,000 numbers differ
END

venv/bin/python download.py
libraries=$(dirname "$(find "$folder/debian13" -name libm.so.6)")
{
    venv/bin/python check.py
    "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:/lib/x86_64-linux-gnu" venv/bin/python check.py
    venv/bin/python compare.py
} > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo 'The output has changed: < expected, > seen.'; exit 1; }
echo 'As expected.'
