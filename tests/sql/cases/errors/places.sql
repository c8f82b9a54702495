-- An error says where it stands: line and column of the name, call or clause.
create stream s (k string, v int);
create stream people (k string, v int) primary key k settings mode = 'versioned_kv';
create view known as select k from s;

-- error 47 column nope does not exist (line 1, column 11)
select k, nope from s;

-- error 47 (line 2, column 3)
select k,
  nope + 1 from s;

-- error 47 (line 1, column 23)
select k from s where nope = 1;

-- error 47 (line 1, column 26)
select k from (select k, nope from s);

-- error 47 (line 1, column 36)
select k from s where k in (select nope from table(s));

-- error 60 stream nosuch does not exist (line 1, column 22)
select k from s join nosuch using (k);

-- error 46 (line 1, column 8)
select nosuch(k) from s;

-- error 42 (line 1, column 11)
select k, lower(k, k) from s;

-- error 43 (line 1, column 8)
select lower(v) from s;

-- error 215 (line 1, column 8)
select k, count() from s;

-- error 2002 (line 1, column 47)
select k, count() from tumble(s, 5s) group by k;

-- error 36 (line 1, column 21)
select count() from hop(s, 5s, 1s) group by window_start;

-- error 42 (line 1, column 21)
select count() from tumble(s) group by window_start;

-- error 80 (line 1, column 17)
select k from s emit periodic 1s;

-- error 48 (line 1, column 17)
select k from s emit changelog;

-- error 115 (line 1, column 26)
select k from s settings nosuch = 1;

-- error 183 (line 1, column 23)
select k from s where _tp_time < earliest_ts();

-- error 48 (line 1, column 22)
select k from s as a full join s as b on a.k = b.k;

-- error 69 (line 1, column 8)
select top_k(k, 100000) from s;

-- error 80 (line 1, column 1)
select a.v from people as a join people as b on a.k = b.k;

-- error 62 (line 1, column 17)
select k from s where;

-- error 47 (line 1, column 26)
create view v2 as select nope from s;

-- error 16 stream s has no column nope to insert into (line 1, column 19)
insert into s (k, nope) values ('a', 1);

-- error 50 (line 1, column 32)
create stream t (a int, nosuch nosuch);

-- error 115 (line 1, column 36)
create stream t (a int32) settings nosuch = 1;

-- error 36 (line 1, column 18)
select k from s, values('a int', (1, 2));

-- error 62 syntax error: an expression is missing (line 1, column 14)
select 'x' ||| 3;
