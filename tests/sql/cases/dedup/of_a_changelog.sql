-- dedup of a changelog is refused: rows that are taken back have no first one.
create stream s (i int32, k string);
-- error 48
select i, _tp_delta from dedup(changelog(s, k), i);
