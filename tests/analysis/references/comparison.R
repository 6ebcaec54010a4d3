# Differences between groups of tests/analysis/data/survey.csv by R survey.
# Writes comparison.json beside this script: Rscript tests/analysis/references/comparison.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE)
d$like <- as.numeric(d$approval %in% c("strongly approve", "approve"))
d$like[d$approval == ""] <- NA
design <- svydesign(~cluster, strata = ~stratum, weights = ~design_weight, data = d)

# Regression on group indicators is the vector of group means with its joint
# covariance; contrasts of it are differences between groups.
pairs <- function(variable, group) {
  part <- design[!is.na(d[[variable]]), ]
  fit <- svyglm(reformulate(c("0", paste0("factor(", group, ")")), variable), part)
  levels <- sort(unique(d[[group]]))
  names(fit$coefficients) <- levels
  v <- vcov(fit)
  dimnames(v) <- list(levels, levels)
  each <- combn(length(levels), 2)
  df <- sapply(levels, function(g) degf(part[part$variables[[group]] == g, ]))
  rows <- apply(each, 2, function(pair) {
    contrast <- rep(0, length(levels))
    contrast[pair] <- c(-1, 1)
    estimate <- sum(contrast * coef(fit))
    variance <- as.numeric(contrast %*% v %*% contrast)
    welch <- variance^2 / sum(diag(v)[pair]^2 / df[pair])
    degrees <- min(max(welch, min(df[pair])), degf(part))
    c(estimate = estimate, std_error = sqrt(variance), df = degrees,
      p = 2 * pt(-abs(estimate) / sqrt(variance), degrees))
  })
  list(group = levels[each[2, ]], reference = levels[each[1, ]],
       estimate = rows["estimate", ], std_error = rows["std_error", ],
       df = rows["df", ], none = rows["p", ],
       holm = p.adjust(rows["p", ], "holm"), bh = p.adjust(rows["p", ], "BH"),
       hommel = p.adjust(rows["p", ], "hommel"), by = p.adjust(rows["p", ], "BY"))
}

# All groups at once: a term of a regression.
omnibus <- function(variable, group) {
  part <- design[!is.na(d[[variable]]), ]
  term <- reformulate(group)
  test <- regTermTest(svyglm(reformulate(group, variable), part), term)
  list(F = as.numeric(test$Ftest), df = c(test$df, test$ddf), p = as.numeric(test$p))
}

# The same for all answers to a question, whose last follows from the others.
omnibus_shares <- function(variable, group) {
  part <- design[d[[variable]] != "", ]
  fit <- svyby(reformulate(variable), reformulate(group), part, svymean, covmat = TRUE)
  n_groups <- nrow(fit)
  n <- length(coef(fit)) / n_groups
  # coef() lists all groups of the first answer, then of the second.
  contrast <- kronecker(cbind(diag(n)[-n, ]), cbind(-1, diag(n_groups - 1)))
  difference <- contrast %*% coef(fit)
  chisq <- t(difference) %*% solve(contrast %*% vcov(fit) %*% t(contrast), difference)
  df <- c(nrow(contrast), degf(part) - nrow(contrast))
  f <- as.numeric(chisq) / df[1]
  list(F = f, df = df, p = pf(f, df[1], df[2], lower.tail = FALSE))
}

population <- c(CN = 1410, DE = 83, GB = 68, US = 335)
averages <- function(variable) {
  part <- design[!is.na(d[[variable]]), ]
  fit <- svyby(reformulate(variable), ~country, part, svymean, covmat = TRUE)
  df <- sapply(names(population), function(g) degf(subset(part, country == g)))
  one <- function(share) {
    mean <- svycontrast(fit, share)
    welch <- as.numeric(vcov(mean))^2 / sum((share^2 * diag(vcov(fit)))^2 / df)
    list(estimate = unname(coef(mean)), std_error = as.numeric(SE(mean)),
         df = min(max(welch, min(df)), degf(part)))
  }
  list(equal = one(rep(1 / 4, 4)), population = one(population / sum(population)))
}

# Directly standardised means.
standard <- data.frame(age_group = c("18-34", "35-54", "55+"), Freq = c(30, 45, 25))
standardized <- {
  part <- svystandardize(design, by = ~age_group, over = ~country, population = standard)
  fit <- svyby(~trust, ~country, part, svymean, na.rm = TRUE)
  list(estimate = unname(coef(fit)), std_error = unname(SE(fit)))
}

# Kitagawa's decomposition over age groups of the difference of two countries: symbolic
# derivatives of the totals of all cells, and every jackknife replicate evaluated.
ages <- standard$age_group
kitagawa <- function(b, a, design, variable = "trust") {
  part <- design[!is.na(design$variables[[variable]]), ]
  cells <- expand.grid(age = seq_along(ages), group = c("a", "b"))
  names_n <- paste0("n", cells$group, cells$age)
  names_t <- paste0("t", cells$group, cells$age)
  in_cell <- sapply(seq_len(nrow(cells)), function(i)
    as.numeric(part$variables$country == c(a = a, b = b)[cells$group[i]] &
               part$variables$age_group == ages[cells$age[i]]))
  columns <- cbind(in_cell, in_cell * part$variables[[variable]])
  colnames(columns) <- c(names_n, names_t)
  sums <- function(pattern) paste0("(", paste(sprintf(pattern, seq_along(ages)),
                                              collapse = " + "), ")")
  size <- function(g) sums(paste0("n", g, "%d"))
  rate <- function(g, k) sprintf("t%s%d / n%s%d", g, k, g, k)
  share <- function(g, k) sprintf("n%s%d / %s", g, k, size(g))
  term <- function(form) paste(sapply(seq_along(ages), form), collapse = " + ")
  composition <- term(function(k) sprintf("(%s - %s) * (%s + %s) / 2", share("b", k),
    share("a", k), rate("a", k), rate("b", k)))
  rates <- term(function(k) sprintf("(%s - %s) * (%s + %s) / 2", rate("b", k),
    rate("a", k), share("a", k), share("b", k)))
  expressions <- list(composition = parse(text = composition)[[1]],
                      rates = parse(text = rates)[[1]])
  if (inherits(part, "svyrep.design")) {
    fit <- withReplicates(part, function(w, data) {
      totals <- as.list(colSums(w * columns))
      sapply(expressions, eval, totals)
    })
    return(list(estimate = as.vector(fit), covariance = unname(attr(fit, "var"))))
  }
  fit <- svycontrast(svytotal(columns, part), expressions)
  list(estimate = unname(coef(fit)), covariance = unname(vcov(fit)), df = degf(
    subset(part, country %in% c(a, b))))
}

# Welch's test of two independent samples, the case without clusters and weights.
two <- subset(d, country %in% c("CN", "DE"))
welch <- t.test(trust ~ country, data = two)

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey")),
  trust_country = pairs("trust", "country"),
  trust_age_group = pairs("trust", "age_group"),
  aware_gender = pairs("aware", "gender"),
  omnibus = list(
    "trust country" = omnibus("trust", "country"),
    "trust age_group" = omnibus("trust", "age_group"),
    "aware gender" = omnibus("aware", "gender"),
    "education country" = omnibus_shares("education", "country"),
    "approval age_group" = omnibus_shares("approval", "age_group")),
  averages = list(trust = averages("trust"), aware = averages("aware")),
  standardized = standardized,
  kitagawa = list(
    linearized = kitagawa("DE", "CN", design),
    jackknife = kitagawa("DE", "CN", as.svrepdesign(design, type = "JKn"))),
  adjusted = {
    p <- c(0.01, 0.04, 0.03, 0.005, 0.03, 0.9)
    list(p = p, holm = p.adjust(p, "holm"), bh = p.adjust(p, "BH"),
         hommel = p.adjust(p, "hommel"), by = p.adjust(p, "BY"))
  },
  welch = list(df = unname(welch$parameter), p = welch$p.value,
               statistic = unname(welch$statistic))
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "comparison.json"))
