module kps.test/bench/work

go 1.26
