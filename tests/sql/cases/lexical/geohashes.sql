-- Geohashes of places in a stream and in a table; the reverse gives the middle of the cell.
create stream s (lon float64, lat float64, n uint8);
insert into s (lon, lat, n) values (-5.60302734375, 42.593994140625, 0)(10.40744, 57.64911, 5);

-- query
select geohash_encode(lon, lat, n) as g, geohashDecode(left(g, 5)) as d from table(s) order by n;
-- columns g string | d tuple(float64, float64)
-- rows
--   ["ezs42d000000", [-5.60302734375, 42.60498046875]]
--   ["u4pru", [10.39306640625, 57.63427734375]]
-- end

-- query
select geohash_encode(lon, lat, 3) as g, count() from s group by g emit on update;
insert into s (lon, lat) values (-5.6, 42.6)(-5.5, 42.5)(0, 0);
-- rows
--   ["ezs", 2]
--   ["s00", 1]

-- query
select geohashes_in_box(24.48, 40.56, 24.785, 40.81, 4) as cells;
-- columns cells array(string)
-- rows
--   [["sx1q", "sx1r", "sx32", "sx1w", "sx1x", "sx38"]]
-- end
-- error 36
select geohashes_in_box(-180, -90, 180, 90, 12);
