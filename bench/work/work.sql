-- For the row sqlite3: inserts, an index, joins, aggregates, text, a recursive query.
create table item(id integer primary key, part int, name text, price real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 15000)
    insert into item select i, i * 7919 % 997, printf('item %d of %x', i, i * 31), i * 1.25 from n;
create index by_part on item(part, price);
create table part(id integer primary key, title text);
insert into part select distinct part, upper(hex(part)) from item;
select count(*), sum(price), min(name), max(name) from item;
select part.title, count(*), avg(price) from item join part on part.id = item.part
    group by part.id order by 3 desc, 1 limit 10;
select count(*) from item where name like '%f%a%' and price > 100;
update item set price = price * 1.1, name = replace(name, 'item', 'thing') where part % 3 = 0;
delete from item where id % 5 = 2;
select part, total(price), group_concat(substr(name, -2)) from item where part < 3 group by part;
with recursive p(x, y, n) as (select 1, 1, 1 union all select y, (x + y) % 1000007, n + 1 from p where n < 20000)
    select sum(x), max(y) from p;
