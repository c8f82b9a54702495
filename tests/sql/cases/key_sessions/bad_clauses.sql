-- What EMIT AFTER SESSION CLOSE and AFTER KEY EXPIRE want.
create stream s (id string, d date);
-- error 62
select id, count() from s group by id emit after key expire;
-- error 80
select count() from s emit after key expire with maxspan 1s;
-- error 80
select id from s emit after key expire with maxspan 1s;
-- error 80
select id, count() from tumble(s, 5s) group by id, window_start emit after session close with maxspan 1s;
-- error 80
select id, count() from s group by id emit after key expire with maxspan 1s periodic 1s;
-- error 43
select id, count() from s group by id emit after key expire identified by d with maxspan 1d;
-- error 36
select id, count() from s group by id emit after key expire with maxspan 1us;
-- error 42
select id, count() from s group by id emit after session close identified by (_tp_time, true, false, true) with maxspan 1s;
