-- A value that is too large is refused, never made shorter.
-- error 69
select length(range(3000000));
-- error 69
select length(repeat('abc', 2000000000));
-- error 69
select length(array_with_constant(100000000, 1));
-- error 69
select length(random_string(2000000));
