-- EXPLAIN shows the plan and runs nothing.
create stream s (v int32);
explain select v from s where v > 1;
explain select count() from table(s);
