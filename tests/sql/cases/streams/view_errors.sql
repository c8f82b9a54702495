-- A view is checked when it is created.
create stream s (v int32);
-- error 47
create view w as select nothing from s;
-- error 60
create view w as select v from nothing;
-- error 62
create view w as selec v from s;
