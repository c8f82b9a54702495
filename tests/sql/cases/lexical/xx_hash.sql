-- xx_hash32 and xx_hash64 are the published xxHash of a text's bytes, with seed 0.
create stream s (k string);
insert into s (k) values ('')('a')('é漢');

-- query
select k, xx_hash32(k) as h, xxHash64(k) as g from table(s);
-- columns k string | h uint32 | g uint64
-- rows
--   ["", 46947589, 17241709254077376921]
--   ["a", 1426945110, 15154266338359012955]
--   ["é漢", 110306387, 11757842940029005332]
-- end

-- query
select xx_hash64(k) % 3 as bucket, count() from s group by bucket emit on update;
insert into s (k) values ('a')('a')('');
-- rows
--   [2, 2]
--   [0, 1]
-- error 43
select xx_hash64(1);
