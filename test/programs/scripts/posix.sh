# A plain POSIX script: expansions, arithmetic, here-documents, redirections, functions, getopts.
set -eu
fact() { if [ "$1" -le 1 ]; then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi; }
fact 12
i=0; while [ $i -lt 5 ]; do i=$((i + 1)); printf '%d:%x:%o ' $i $((i * 37)) $((i * 91)); done; echo
s=/usr/share/doc/file.tar.gz
echo "${s##*/} ${s%/*} ${s%%.*} ${#s}"
cat <<END
$(echo nested "$(echo deep)") $((1 << 20)) $((-7 / 2)) $((-7 % 2))
END
exec 3>out.txt; echo to three >&3; exec 3>&-; cat out.txt
printf '%s\n' c a b | sort | while read -r x; do printf '[%s]' "$x"; done; echo
set -- -a -b val rest
while getopts ab: o; do echo "$o ${OPTARG-}"; done; shift $((OPTIND - 1)); echo "$@"
case abc in a?c) echo glob;; esac
touch f1 f2 f3; echo f?; rm f[12]; echo f*
(cd /usr && pwd); pwd | grep -c mnt
x=$(printf 'a\nb\n\n'); echo "[$x]"
umask 027; touch m; ls -l m | cut -c1-10
echo one two | { read -r a b; echo "$b $a"; }
! false && echo negated
command -v sh >/dev/null && type cd
kill -l 15
test -d /usr -a -x /bin/sh && echo yes
