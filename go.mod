module github.com/belfry-run/belfry

go 1.26
