-- An error in the declaration of a column names the column, the rule, and where it stands.

-- error 46 the default of column a is not valid: function nosuch does not exist (line 1, column 34)
create stream t (a int32 default nosuch(1));

-- error 47 the default of column b is not valid: column c does not exist (line 2, column 17)
create stream t (a int32,
  b int32 alias a + c);

-- error 47 the default of column b is not valid: column c does not exist (line 2, column 24)
create stream t (a int32,
  b int32 materialized a + c);

-- error 69 the default 1000 of column b is no value of int8 (line 1, column 42)
create stream t (a int32, b int8 default 1000);

-- error 6 the default of column 'b' is not valid: cannot parse text as int32: abc (line 1, column 43)
create stream t (a int32, b int32 default 'abc');

-- error 36 the default of b of t holds a query
create stream t (a int32, b int32 default (select 1));

-- error 47 event_time_column is not valid: column nope does not exist (line 1, column 15)
create stream t (a int32) settings event_time_column = 'nope';

-- error 47 the TTL is not valid: column nope does not exist
create stream t (a int32) ttl nope + 1d;

create stream t (a int32, sum int32 alias a + _tp_sn, twice int32 alias sum * 2);
-- error 47 the default of column b is not valid: column c does not exist (line 1, column 41)
alter stream t add column b int32 alias c + 1;
-- error 46 the default of column b is not valid: function nosuch does not exist (line 1, column 43)
alter stream t add column b int32 default nosuch(1);
