// go run refused.go URL SIZE chunked|announced: the status of a POST of so many bytes, by net/http.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
)

type spaces struct{}

func (spaces) Read(into []byte) (int, error) {
	for i := range into {
		into[i] = ' '
	}
	return len(into), nil
}

func main() {
	size, _ := strconv.ParseInt(os.Args[2], 10, 64)
	request, _ := http.NewRequest("POST", os.Args[1], io.LimitReader(spaces{}, size))
	request.Header.Set("Content-Type", "application/json")
	if os.Args[3] == "announced" {
		request.ContentLength = size
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	io.Copy(io.Discard, response.Body)
	fmt.Println(response.StatusCode)
}
