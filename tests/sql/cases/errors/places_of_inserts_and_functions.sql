-- Refused INSERTs, functions and subscriptions say where they stand: at their target, name or query.
create stream s (k string, v int);
create view known as select k from s;

-- error 20 row 2 of VALUES has 1 values for 2 columns (line 1, column 13)
insert into s (k, v) values ('a', 1)('b');

-- error 20 SELECT gives 1 columns for 2 (line 1, column 13)
insert into s (k, v) select 'a';

-- error 48 read its streams by table() (line 1, column 13)
insert into s (k) select k from s;

-- error 36 known is a view, rows go into streams (line 1, column 13)
insert into known (k) values ('a');

-- error 47 (line 1, column 26)
insert into s (k) select nope from table(s);

-- error 36 (line 1, column 17)
create function lower as (a) -> a;

-- error 47 b in the body of function gg is none of its arguments (line 1, column 17)
create function gg as (a) -> b + a;

-- error 46 function nosuch does not exist (line 1, column 17)
create function ff as (a) -> nosuch(a);

-- error 36 declares no function js (line 1, column 17)
create function js(a int) returns int language javascript as $$ function other(a) { return a; } $$;

-- error 36 this one ends by itself (line 1, column 14)
subscribe to select 1;
