-- emit_version() belongs to streaming aggregation only.
create stream s (v int32);
-- error 48
select count(), emit_version() from table(s);
