# Owns one private PostgreSQL server: makes it, and ends it whatever becomes of xtask.
#
#   supervise.sh MODE PARENT PORT OWNER BIN [AS...]
#
# MODE     `attached`: lives as long as its standard input is open. Each line read there is
#          the process id of the command that uses the server (or nothing), which is ended
#          as well. So the server is gone even when xtask was killed.
#          `detached`: lives until it is sent SIGTERM.
# PARENT   where to make the server's directory
# PORT     on 127.0.0.1
# OWNER    the user that the server runs as; empty: the current one
# BIN      the directory of PostgreSQL's programs
# AS       the command that runs another one as OWNER
#
# Prints `ready DIRECTORY`, or the reason why there is no server.
set -u
mode=$1 parent=$2 port=$3 owner=$4 bin=$5
shift 5

directory=$(mktemp -d "$parent/ormai-postgres.XXXXXX") || exit 1
server=

end() {
    trap '' TERM INT HUP
    # The data is thrown away, so the server need not write anything down (SIGQUIT).
    if read -r postmaster _ 2>/dev/null <"$directory/data/postmaster.pid"; then
        kill -QUIT "$postmaster" 2>/dev/null
    fi
    [ -z "$server" ] || wait "$server" 2>/dev/null
    rm -rf "$directory"
}

fail() {
    echo "$1"
    tail -n 20 "$directory/log" 2>/dev/null
    end
    exit 1
}

trap 'end; exit 1' TERM
trap '' INT HUP PIPE

chmod 0700 "$directory"
: >"$directory/log"
[ -z "$owner" ] || chown -R "$owner" "$directory" || fail "cannot give the directory to $owner"
cd "$directory" || fail "cannot enter the directory"

"$@" "$bin/initdb" --pgdata="$directory/data" --username=ormai --auth=trust \
    --encoding=UTF8 --locale=C.UTF-8 --no-sync </dev/null >>"$directory/log" 2>&1 || fail "initdb failed:"

"$@" "$bin/postgres" -D "$directory/data" -p "$port" -h 127.0.0.1 -k "$directory" \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
    -c max_connections=200 -c timezone=UTC </dev/null >>"$directory/log" 2>&1 &
server=$!

tries=0
until "$bin/pg_isready" --quiet --host="$directory" --port="$port"; do
    kill -0 "$server" 2>/dev/null || fail "the server did not start:"
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "the server is not ready after 60 seconds:"
    sleep 0.1
done
echo "ready $directory"

if [ "$mode" = attached ]; then
    command=
    while read -r line; do command=$line; done
    [ -z "$command" ] || kill -TERM "$command" 2>/dev/null
else
    exec >/dev/null 2>&1
    wait "$server"
fi
end
