create table word(id integer primary key, name text, size int);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
  insert into word select i, 'w' || (i * 7 % 3001), i % 100 from n;
create index by_name on word(name);
select count(distinct name), sum(length(name)) from word;
select size, count(*), max(name) from word where name like 'w1%' group by size order by 2 desc limit 5;
update word set size = size + 1 where id % 3 = 0;
select sum(a.size * b.size) from word a join word b on a.name = b.name where a.id < 500;
delete from word where size > 90;
select count(*) from word;
