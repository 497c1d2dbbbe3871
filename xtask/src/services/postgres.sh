# A private PostgreSQL, for `supervise.sh`.
pid_file=data/postmaster.pid
end_signal=QUIT

make() {
    "$@" "$(command -v initdb)" --pgdata="$directory/data" --username=ormai --auth=trust \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync
}

serve() {
    exec "$@" "$(command -v postgres)" -D "$directory/data" -p "$port" -h 127.0.0.1 -k "$directory" \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
        -c max_connections=200 -c timezone=UTC
}

answers() {
    pg_isready --quiet --host="$directory" --port="$port"
}
