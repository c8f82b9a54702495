-- A changelog must show its weights, and only a changelog has them.
create stream s (i int, k string);
create stream c (i int, k string) settings mode = 'changelog';

-- error 80
select i, k from c;

-- error 80
select i from changelog(s, i);

-- error 80
select k, count() from s group by k emit changelog;

-- error 47
select i, _tp_delta from s;

-- error 47
select k, count(), _tp_delta from c group by k;

-- error 48
select i, k from s emit changelog;

-- error 48
select k, count(), emit_version(), _tp_delta from s group by k emit changelog;


-- error 80
create view w as select i, k from c;

-- error 42
select * from changelog(s);

