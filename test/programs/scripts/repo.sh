# A git repository: commits, branches, a merge with a conflict, log, diff, gc, clone, bundle, bisect.
set -e
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@x GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@x
export GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' GIT_COMMITTER_DATE='2024-01-01T00:00:00Z' GIT_CONFIG_NOSYSTEM=1
git init -q -b main r; cd r
for i in 1 2 3 4 5 6 7 8; do seq $i $((i * 20)) >"f$((i % 3))"; git add .; git commit -qm "commit $i"; done
git log --format='%h %s' ; git log --stat --format=%s -n 2
git checkout -q -b side HEAD~3; echo side >>f0; git commit -qam side; git checkout -q main
echo main >>f0; git commit -qam main2
git merge -q side 2>&1 | tail -n 1 || true
git status --short; git checkout -q --theirs f0; git add f0; git commit -qm merged
git log --graph --format='%s' | head -n 6
git diff HEAD~1 --stat | tail -n 1; git show HEAD:f1 | md5sum
git gc -q; git fsck --no-progress; git count-objects -v | grep -c packs
cd ..; git clone -q r c; cd c; git rev-parse HEAD; git blame f1 | tail -n 2 | cut -c1-20; git grep -c 7 | head
git bundle create -q ../b.bundle main; git bundle verify -q ../b.bundle; git tag -a v1 -m one; git describe; git archive HEAD | tar t | head -n 3
git rebase -q HEAD~2 2>/dev/null || true; git stash list; git ls-files -s | head -n 3; git cat-file -p 'HEAD^{tree}' | head -n 3
rm -rf ../r ../c ../b.bundle
