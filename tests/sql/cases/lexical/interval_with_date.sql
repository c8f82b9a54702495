-- An interval is a value: a date plus hours is a time.
-- query
select to_date('2020-02-28') + 2d as a, to_date('2020-02-28') + 2h as b;
-- rows
--   ["2020-03-01", "2020-02-28 02:00:00"]
