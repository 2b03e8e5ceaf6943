"""Clojure, on the Java virtual machine. Where an archive of its loaded classes was made, it starts in half the time."""

from backend.runner.languages import jvm
from backend.runner.languages.language import Hold, Language

_JARS = "/usr/share/java/clojure.jar:/usr/share/java/spec.alpha.jar:/usr/share/java/core.specs.alpha.jar"

LANGUAGE = Language(
    name="clojure",
    title="Clojure",
    aliases=("clj",),
    packages=("clojure", "openjdk-21-jdk-headless"),
    version=("java", "-XX:TieredStopAtLevel=1", "-cp", _JARS, "clojure.main", "-e", "(println (clojure-version))"),
    shared_version=True,
    source="main.clj",
    run=(
        "java",
        *jvm.FLAGS,
        jvm.HEAP,
        "-XX:SharedArchiveFile=/usr/share/java/clojure.jsa",
        "-cp",
        f"{_JARS}:/work",
        "clojure.main",
        "main.clj",
    ),
    limits=jvm.LIMITS,
    hold=Hold("t"),
    hello='(println "Hello, world!")\n',
    sample="""\
(ns main
  (:require [clojure.string :as str]))

(defn frequencies-of [text]
  (->> (str/split text #"\\s+")
       frequencies
       (sort-by (juxt (comp - val) key))))

(defn primes []
  ((fn step [candidates]
     (lazy-seq
      (let [[p & more] candidates]
        (cons p (step (remove #(zero? (mod % p)) more))))))
   (iterate inc 2)))

(doseq [[word n] (take 2 (frequencies-of "the cat and the hat and the bat"))]
  (println n word))

(println (take 8 (primes)))

(let [total (atom 0)]
  (run! deref (mapv #(future (swap! total + %)) (range 10)))
  (println "total:" @total))

(shutdown-agents)
""",
    sample_output="3 the\n2 and\n(2 3 5 7 11 13 17 19)\ntotal: 45\n",
)
