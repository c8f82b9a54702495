-- CASE, if() and multi_if().
create stream s (v int32);

-- query
select case when v > 2 then 'big' when v = 2 then 'two' else 'small' end as a,
  case v when 1 then 'one' end as b, if(v > 1, 'y', 'n') as c, multi_if(v = 1, 'i', v = 2, 'ii', '') as d
from s;
insert into s (v) values (1)(2)(3);
-- rows
--   ["small", "one", "n", "i"]
--   ["two", null, "y", "ii"]
--   ["big", null, "y", ""]
