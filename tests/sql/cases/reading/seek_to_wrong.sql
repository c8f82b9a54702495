-- A `seek_to` that is none of these is refused.
create stream s (v int32);
-- error 36
select v from s settings seek_to = 'yesterday';
-- error 36
select v from s settings seek_to = '+2h';
