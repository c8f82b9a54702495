-- A column without alias is named by its normalised text.
create stream s (value int32, k string);

-- query
select COUNT( ), max( value ), value+1 , lower(k) from s group by value, k;
-- columns count() uint64 | max(value) int32 | value + 1 int64 | lower(k) string
