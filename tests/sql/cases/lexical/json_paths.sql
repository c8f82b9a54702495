-- `raw:a.b` reads JSON in a text column; a missing path gives the empty text.
create stream s (raw string);

-- query
select raw:a.b as a, raw:items[1] as b, raw:n::float as c, raw:none as d, raw:a as e from s;
insert into s (raw) values ('{"a":{"b":"x"},"items":[7,8],"n":1.5}');
insert into s (raw) values ('no json');
-- rows
--   ["x", "7", 1.5, "", "{\"b\":\"x\"}"]
--   ["", "", 0.0, "", ""]
