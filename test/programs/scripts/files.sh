# Files and their tools: links, copies, modes, owners, times, special files, errors, locks, limits.
mkdir w3; cd w3; umask 022; top=$PWD
for i in 1 2 3; do mkdir -p d$i/s/t; echo $i > d$i/f; ln d$i/f d$i/hard; ln -s ../d$i/f d$i/sym; done
ls -lR --time-style=+ | sed 's/total .*//'
stat -c '%n %F %a %h %s' d1/* d1
cp -a d1 d4; cp -r d2 d5; cp -rL d3 d6; ls -l --time-style=+ d4 d5 d6 | sed 's/total .*//'
mv d4 d5/; find . | sort; find . -type l -exec readlink -f {} \; | sort; find . -links 2 -type f | sort
rm d1; rmdir d1; rmdir d1/s/t; rm -r d1; ls
touch a b c; chmod 000 a; chmod u+s,g+s b; chmod +t d2; ls -ld --time-style=+ a b d2
install -m 640 -o 3 -g 4 c e; stat -c '%u %g %a' e
chown -R 7:8 d2; chown -h 9:10 d2/sym; find d2 -printf '%p %U %G %m\n' | sort
dd if=/dev/zero of=sparse bs=1 count=1 seek=1M status=none; stat -c %s sparse; truncate -s 100 sparse; stat -c %s sparse
tar cf x.tar d2 d3; tar tvf x.tar | awk '{print $1,$2,$3,$6}'; mkdir ex; tar xf x.tar -C ex; diff -r d2 ex/d2 && echo same
cat x.tar | md5sum | wc -c; gzip -k x.tar; gunzip -c x.tar.gz | cmp - x.tar && echo cmp
mkfifo p; (echo through > p &); cat p; [ -p p ] && echo fifo; [ -S p ] || echo nosock
echo abc > f; exec 3<f; rm f; cat <&3; exec 3<&-; exec 4>g; echo one >&4; mv g h; echo two >&4; cat h
set -C; echo x > h; set +C; echo x >> h; wc h; realpath h ../w3/./h; basename $(pwd); dirname /a/b/c
cat nofile; cat d2; ls nofile; cd nodir; rm nofile; mkdir d2; ln -s x h; ln h h; cp h h; mv h h; rmdir /; cp d2 x; touch nodir/x; cat </nofile; : > /proc/x; ls /proc/self/nope
ln -s loopa loopb; ln -s loopb loopa; cat loopa; ls loopa/x; stat -L loopa; test -e loopa || echo dangling; rm loopa loopb
printf '%s\n' /etc/pass*; echo /usr/bin/[a-c]at; shopt -s globstar; echo **/f
df -P /proc | tail -1 | awk '{print $6}'; stat -f -c %T /proc; test -c /dev/null && echo chr; stat -c '%t %T %F' /dev/null /dev/zero /dev/urandom; head -c 4 /dev/zero | od -An -c; echo x > /dev/full; echo y > /dev/null
touch -d '2020-01-01 00:00:00 UTC' t1; touch -r t1 t2; [ t1 -ot h ] && echo older; stat -c %Y t2; touch -c nonex; ls nonex; touch -m -d @5 t1; stat -c '%X %Y' t1
(flock -s 9; echo shared; flock -n 9 && echo again) 9> lock; (flock 9; (flock -n 9 || echo busy) 9>>lock) 9> lock
seq 1 100000 > n; split -l 30000 n part; ls part*; sort -n -r n | head -2; sort -S 100k -T . n | tail -1; tac n | head -1; wc -c n; shuf -n 3 n | wc -l; comm -12 <(sort n) <(sort partaa) | wc -l
sed -i 's/^5$/five/' n; sed -n 5p n; awk 'END{print NR}' n; tail -c 10 n; tail -f --pid=$$ n -n1 & sleep 0.2; kill %1; wait %1; echo $?
diff <(ls) <(ls) && echo ok; mkdir -m 700 m; stat -c %a m; mkdir -p -m 711 q/r; stat -c %a q q/r; umask 077; touch u; mkdir v; stat -c %a u v; umask
(ulimit -f 1; bash -c "trap \"\" XFSZ; dd if=/dev/zero of=lim bs=1024 count=10 status=none"; echo $?); stat -c %s lim; ulimit -n 20; ulimit -n
pwd; cd -P /proc/self/cwd; pwd; cd $top/../w3; pwd; cd ..; rm -rf w3; ls w3
