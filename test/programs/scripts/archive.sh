# tar with each compressor, links, modes and times kept; cpio-like round trips; sparse files.
set -e
mkdir -p d/e; seq 20000 >d/numbers; ln d/numbers d/hard; ln -s numbers d/soft; chmod 640 d/numbers
touch -d '2001-02-03 04:05:06 UTC' d/numbers d/e; truncate -s 1M d/sparse; touch 'd/name with space'
for z in gzip bzip2 xz zstd; do
    tar -c --$z -f d.tar.$z --sort=name --owner=0 --group=0 d
    mkdir out; tar -xf d.tar.$z -C out; diff -r d out/d && echo "$z same"
    stat -c '%a %Y %h %s' out/d/numbers; readlink out/d/soft; rm -rf out d.tar.$z
done
tar -cf - d --mtime=@0 --sort=name --owner=0 --group=0 --mode=u+rw | sha256sum
tar -cSf s.tar d/sparse; [ "$(stat -c %s s.tar)" -lt 100000 ] && echo sparse; tar -tvf s.tar | cut -c1-10
seq 100000 | gzip -9n | sha256sum; seq 100000 | xz -6 | sha256sum; seq 100000 | bzip2 | sha256sum
seq 100000 | gzip | zcat | md5sum; seq 50000 | xz -9e -T2 | xz -dc | md5sum; seq 100000 | zstd -q -19 | zstd -qdc | md5sum
echo damaged | gzip | tail -c +5 | gzip -d 2>/dev/null || echo "refused $?"; rm -rf d s.tar
