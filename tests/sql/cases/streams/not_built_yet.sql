-- Statements of later versions are refused, not ignored.
-- error 48
create dictionary d (k string, v int32);
