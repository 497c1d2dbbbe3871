# Owns one private database server: makes it, and ends it whatever becomes of xtask.
#
#   supervise.sh WORD MODE PARENT PORT OWNER BIN [AS...]
#
# WORD     the server's kind, a part of its directory's name
# MODE     `attached`: lives as long as its standard input is open. Each line read there is
#          the process id of the command that uses the server (or nothing), which is ended
#          as well. So the server is gone even when xtask was killed.
#          `detached`: lives until it is sent SIGTERM.
# PARENT   where to make the server's directory
# PORT     on 127.0.0.1
# OWNER    the user that the server runs as; empty: the current one
# BIN      a directory of programs beside those on the path
# AS       the command that runs another one as OWNER
#
# Prints `ready DIRECTORY`, or the reason why there is no server.
#
# Before this comes the script of the kind, which says
#
#   make [AS...]    make the files of a server, in the current directory
#   serve [AS...]   become the server, on $port
#   answers         whether it takes connections
#   $pid_file       where it writes its process id
#   $end_signal     what ends it at once; its data is thrown away
set -u
word=$1 mode=$2 parent=$3 port=$4 owner=$5 bin=$6
shift 6
PATH=$bin:$PATH

directory=$(mktemp -d "$parent/ormai-$word.XXXXXX") || exit 1
server=

end() {
    trap '' TERM INT HUP
    if [ -n "$server" ]; then
        process=$server
        # With `su` in between, our child is not the server.
        [ ! -s "$directory/$pid_file" ] || read -r process _ <"$directory/$pid_file"
        kill -s "$end_signal" "$process" 2>/dev/null
        wait "$server" 2>/dev/null
    fi
    cd /
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

make "$@" </dev/null >>log 2>&1 || fail "its files cannot be made:"
serve "$@" </dev/null >>log 2>&1 &
server=$!

tries=0
until answers </dev/null >/dev/null 2>&1; do
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
