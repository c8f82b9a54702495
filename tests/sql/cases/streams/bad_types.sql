-- An unknown type, a column twice, and a stream without columns.
-- error 50
create stream s (a no_such_type);
-- error 15
create stream s (a int32, a string);
