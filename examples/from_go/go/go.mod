module tidepool/from_go

go 1.18
