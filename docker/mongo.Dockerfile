# A stand-in for the official image `mongo`, for where no registry answers: the same data folder, port, user,
# entrypoint and shell, on the mongod 6.0 that PyPI has. No MONGO_INITDB_* variables.
ARG BASE
FROM ${BASE}
RUN groupadd --gid 999 mongodb \
 && useradd --uid 999 --gid mongodb --home-dir /data/db --no-create-home --shell /usr/sbin/nologin mongodb \
 && install --directory --owner mongodb --group mongodb /data/db /data/configdb
COPY bin /usr/local/bin/
# mongosh would send usage data to its makers.
COPY mongosh.conf /etc/
VOLUME /data/db /data/configdb
EXPOSE 27017
ENTRYPOINT ["mongo-entrypoint.sh"]
CMD ["mongod"]
