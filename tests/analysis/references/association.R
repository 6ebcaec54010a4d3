# Tests of independence and goodness of fit in tests/analysis/data/survey.csv by R survey.
# Writes association.json beside this script:
# Rscript tests/analysis/references/association.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE)
d$urban <- d$urban == "True"
d$approval[d$approval == ""] <- NA

designs <- list(
  complex = svydesign(~cluster, strata = ~stratum, weights = ~design_weight, data = d),
  finite = svydesign(~cluster, strata = ~stratum, weights = ~design_weight, fpc = ~n_psu,
                     data = d),
  simple = svydesign(~1, weights = ~1, data = d))
designs$urban <- subset(designs$complex, urban)
designs$jackknife <- as.svrepdesign(designs$complex, type = "JKn")

answered <- function(design, ...) {
  kept <- complete.cases(design$variables[c(...)])
  design[kept, ]
}

# What CompQuadForm::davies computes, which Debian does not have: Imhof's integral of
# P(sum(a * chi2_1) > x * chi2_df / df), here to 1e-11.
exact <- function(x, a, df) {
  lambda <- c(a, -x / df)
  h <- c(rep(1, length(a)), df)
  value <- function(u) sapply(u, function(v)
    sin(sum(h * atan(lambda * v)) / 2) / v / exp(sum(h * log1p((lambda * v)^2)) / 4))
  0.5 + integrate(value, 0, Inf, rel.tol = 1e-12, subdivisions = 1e5)$value / pi
}

# The saddlepoint approximation of the same; pFsum leaves out the fraction of df.
saddlepoint <- function(x, a, df) {
  lambda <- c(a, -x / df) / max(a)
  h <- c(rep(1, length(a)), df)
  slope <- function(t) sum(h * lambda / (1 - 2 * t * lambda))
  t <- uniroot(slope, c(0.5 / min(lambda), 0.5) * (1 - 1e-9), tol = 1e-15)$root
  w <- sign(t) * sqrt(sum(h * log(1 - 2 * t * lambda)))
  v <- t * sqrt(2 * sum(h * (lambda / (1 - 2 * t * lambda))^2))
  pnorm(w + log(v / w) / w, lower.tail = FALSE)
}

# Eigenvalues of the design effect matrix, as svychisq makes and does not return it.
effects <- function(design, a, b) {
  levels_a <- length(unique(design$variables[[a]]))
  levels_b <- length(unique(design$variables[[b]]))
  cells <- model.matrix(
    as.formula(sprintf("~interaction(factor(%s), factor(%s)) - 1", a, b)),
    design$variables)
  shares <- svymean(cells, design)
  n <- nrow(cells)
  grid <- expand.grid(rows = seq_len(levels_a), cols = seq_len(levels_b))
  main <- model.matrix(~factor(rows) + factor(cols), grid)
  full <- model.matrix(~factor(rows) * factor(cols), grid)
  contrast <- qr.resid(qr(main), full[, -seq_len(ncol(main)), drop = FALSE])
  inverse <- diag(ifelse(shares == 0, 0, 1 / shares))
  delta <- solve(t(contrast) %*% (inverse / n) %*% contrast,
                 t(contrast) %*% inverse %*% vcov(shares) %*% inverse %*% contrast)
  Re(eigen(delta, only.values = TRUE)$values)
}

independence <- function(design, a, b) {
  design <- answered(design, a, b)
  table <- as.formula(sprintf("~%s + %s", a, b))
  one <- function(statistic) {
    test <- suppressWarnings(svychisq(table, design, statistic = statistic))
    list(statistic = as.numeric(test$statistic), df = unname(test$parameter),
         p = as.numeric(test$p.value))
  }
  delta <- effects(design, a, b)
  x2 <- unname(one("Chisq")$statistic)
  nu <- sum(delta)^2 / sum(delta^2) * degf(design)
  list(n = nrow(design$variables), F = one("F"), chi2 = one("Chisq"), wald = one("Wald"),
       adjusted = one("adjWald"),
       saddlepoint = list(statistic = x2, p = saddlepoint(x2, delta, nu),
                          whole = saddlepoint(x2 * floor(nu) / nu, delta, floor(nu)),
                          r = one("saddlepoint")$p),
       exact = list(statistic = x2, p = exact(x2, delta, nu)))
}

fit <- function(design, variable, expected) {
  design <- answered(design, variable)
  test <- svygofchisq(as.formula(sprintf("~factor(%s)", variable)), expected, design)
  lambda <- test$lambda
  numerator <- sum(lambda)^2 / sum(lambda^2)
  total <- sum(weights(design, "sampling"))
  f <- unname(test$statistic) / sum(lambda)
  list(x2 = unname(test$statistic) * nrow(design$variables) / total, F = f,
       numerator = unname(test$parameter["df"]), r = test$p.value,
       p = pf(f, numerator, numerator * degf(design), lower.tail = FALSE))
}

pairs <- list(c("gender", "education"), c("country", "approval"), c("education", "country"),
              c("age_group", "aware"))
tables <- lapply(designs, function(design) {
  result <- lapply(pairs, function(pair) independence(design, pair[1], pair[2]))
  setNames(result, sapply(pairs, paste, collapse = " "))
})
fits <- lapply(designs, function(design) list(
  education = fit(design, "education", c(high = 0.35, low = 0.3, middle = 0.35)),
  aware = fit(design, "aware", c("0" = 3, "1" = 2))))

# With weights fitted to a margin, questions that everyone answered.
margin <- data.frame(age_group = c("18-34", "35-54", "55+"),
                     Freq = c(0.3, 0.45, 0.25) * sum(d$design_weight))
fitted <- postStratify(designs$complex, ~age_group, margin)
calibrated <- list(
  "gender education" = independence(fitted, "gender", "education"),
  "age_group education" = independence(fitted, "age_group", "education"))

# Tails of sums of chi-squared variables.
sums <- list()
for (a in list(c(3, 1), c(2.5, 1.4, 0.6, 0.2), rep(1.3, 6)))
  for (x in c(0.5, 2, 12, 60))
    for (df in c(4, 25, Inf))
      sums[[length(sums) + 1]] <- list(
        x = x, a = a, df = if (is.finite(df)) df else 0,
        # pFsum forgets its method where df is infinite.
        saddlepoint = if (df == Inf)
          pchisqsum(x, rep(1, length(a)), a, lower.tail = FALSE, method = "saddlepoint")
        else pFsum(x, rep(1, length(a)), a, ddf = df, lower.tail = FALSE,
                   method = "saddlepoint"),
        satterthwaite = pFsum(x, rep(1, length(a)), a, ddf = df, lower.tail = FALSE,
                              method = "satterthwaite"))

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey")),
  tables = tables, calibrated = calibrated, fits = fits, sums = sums
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "association.json"))
