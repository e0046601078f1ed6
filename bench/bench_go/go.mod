module tidepool/bench_go

go 1.19
