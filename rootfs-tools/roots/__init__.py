"""Makes root file systems for Fiberglass out of Debian packages.

apt.py finds and fetches packages, unpack.py makes files of them, dpkg.py writes the package
database, settle.py does what maintainer scripts would, install.py has the scripts run. The command
line is rootfs-tools/mkroot.
"""
