// Go: goroutines, channels, select, maps, panics, HTTP and TCP on loopback, timers, the race for a mutex.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type shape interface{ area() float64 }
type square struct{ s float64 }

func (q square) area() float64 { return q.s * q.s }

func divide(a, b int) (r int, err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("caught: %v", x)
		}
	}()
	return a / b, nil
}

func deep(n int) int {
	var pad [64]int
	if n == 0 {
		return 0
	}
	pad[n%64] = n
	return deep(n-1) + pad[n%64] - n + 1
}

func main() {
	in, out := make(chan int), make(chan int)
	var group sync.WaitGroup
	for w := 0; w < 50; w++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for v := range in {
				out <- v * v
			}
		}()
	}
	go func() {
		for i := 0; i < 2000; i++ {
			in <- i
		}
		close(in)
		group.Wait()
		close(out)
	}()
	sum := 0
	for v := range out {
		sum += v
	}
	fmt.Println(sum, deep(100000))
	var mutex sync.Mutex
	var count, plain int64
	for i := 0; i < 100; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for j := 0; j < 200; j++ {
				atomic.AddInt64(&count, 1)
				mutex.Lock()
				plain++
				mutex.Unlock()
				if j%50 == 0 {
					runtime.Gosched()
				}
			}
		}()
	}
	group.Wait()
	fmt.Println(count, plain)
	_, err := divide(1, int(count)-20000)
	fmt.Println(err)
	func() {
		defer func() { fmt.Println(recover()) }()
		var p *square
		fmt.Println(p.area())
	}()
	spin := int64(0)
	go func() {
		for atomic.LoadInt64(&count) > 0 {
			spin++
		}
	}()
	runtime.GC() // stops the spinning goroutine by a signal
	atomic.StoreInt64(&count, 0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Method, " ", r.URL.Path, " ", len(b))
	}))
	answers := make([]string, 20)
	for i := range answers {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			r, err := http.Post("http://"+listener.Addr().String()+"/"+fmt.Sprint(i), "text/plain", strings.NewReader(strings.Repeat("x", i*1000)))
			if err != nil {
				answers[i] = err.Error()
				return
			}
			b, _ := io.ReadAll(r.Body)
			r.Body.Close()
			answers[i] = string(b)
		}(i)
	}
	group.Wait()
	sort.Strings(answers)
	fmt.Println(strings.Join(answers, ","))
	select {
	case <-time.After(20 * time.Millisecond):
		fmt.Println("timeout")
	case <-make(chan int):
	}
	o, err := exec.Command("/bin/sh", "-c", "echo child; exit 3").Output()
	fmt.Println(strings.TrimSpace(string(o)), err)
	j, _ := json.Marshal(map[string]interface{}{"a": []int{1, 2}, "b": nil, "c": square{2}.area()})
	fmt.Println(string(j), regexp.MustCompile(`(\w)(\d+)`).ReplaceAllString("a1 b22", "$2$1"))
	fmt.Printf("%x %v\n", sha256.Sum256(make([]byte, 100000)), new(big.Int).Exp(big.NewInt(3), big.NewInt(200), nil))
	garbage := map[int][]byte{}
	for i := 0; i < 20000; i++ {
		garbage[i%1000] = make([]byte, 2000)
	}
	runtime.GC()
	fmt.Println(len(garbage))
}
