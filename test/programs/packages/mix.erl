%% Erlang: processes, messages, ports, ets, big numbers, binaries, TCP on loopback.
-module(mix).
-export([main/0]).
ring(0, To) -> To ! done;
ring(N, To) -> P = spawn(fun() -> ring(N - 1, To) end), P ! x.
fib(N) when N < 2 -> N;
fib(N) -> fib(N - 1) + fib(N - 2).
main() ->
    io:format("~p ~p~n", [fib(20), lists:foldl(fun(X, A) -> X * A end, 1, lists:seq(1, 40))]),
    Me = self(), ring(2000, Me), receive done -> io:format("ring~n") end,
    [spawn(fun() -> Me ! {I, I * I} end) || I <- lists:seq(1, 500)],
    io:format("~p~n", [lists:sum([receive {I, S} -> S end || I <- lists:seq(1, 500)])]),
    T = ets:new(t, [public]), [ets:insert(T, {K, K rem 7}) || K <- lists:seq(1, 5000)],
    io:format("~p ~p~n", [ets:info(T, size), length(ets:match(T, {'$1', 3}))]),
    {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {ip, {127, 0, 0, 1}}]), {ok, Port} = inet:port(L),
    spawn(fun() -> {ok, S} = gen_tcp:accept(L), {ok, B} = gen_tcp:recv(S, 5), gen_tcp:send(S, lists:reverse(binary_to_list(B))) end),
    {ok, C} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}]), gen_tcp:send(C, "hello"), {ok, A} = gen_tcp:recv(C, 5), io:format("~s~n", [A]),
    io:format("~p ~p~n", [element(1, element(2, catch 1 div (fib(1) - 1))) =:= x orelse badarith, erlang:md5(<<"abc">>)]),
    io:format("~s~p~n", [os:cmd("echo port"), binary_to_term(term_to_binary({a, [1, 2.5, "s"]}, [compressed]))]),
    {P, R} = spawn_monitor(fun() -> exit(bad) end), receive {'DOWN', R, process, P, Why} -> io:format("~p~n", [Why]) end.
